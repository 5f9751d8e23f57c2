"""Older layouts of the settings file, brought up to date one version at a time.

Each step takes the plain tables of version n and gives those of version n + 1. Steps are never changed once released: the
files of old versions in the tests must stay readable.
"""

from collections.abc import Callable
from typing import Any

from mbusmaster.settings.errors import SettingsError
from mbusmaster.settings.schema import VERSION

Tables = dict[str, Any]


def _one_bus_becomes_a_list(tables: Tables) -> Tables:
    """Version 1 knew one bus in ``[bus]`` and the channel in ``[plain_tcp]``."""
    bus = tables.pop("bus", None)
    if bus is not None:
        tables["buses"] = [bus]
    plain_tcp = tables.pop("plain_tcp", None)
    if plain_tcp is not None:
        tables["channels"] = {"plain_tcp": plain_tcp}
    return tables


def _a_master_goes_on_as_it_was(tables: Tables) -> Tables:
    """Version 2 knew only the bus and plain TCP: nothing else opens, sets the clock or updates itself unasked."""
    channels = tables.get("channels", {})
    if isinstance(channels, dict):
        off = {"secured_tcp": {"enabled": False}, "serial_port": {"enabled": False}, "discovery": False}
        tables["channels"] = {**off, **channels}
    tables.setdefault("web", {"enabled": False})
    tables.setdefault("time", {"source": "manual"})
    tables.setdefault("firmware", {"automatic": False})
    return tables


def _the_line_has_its_own_section(tables: Tables) -> Tables:
    """Version 3 knew of the line only ``line_monitor`` of a bus."""
    buses = tables.get("buses")
    if isinstance(buses, list):
        tables["buses"] = [_with_line(bus) if isinstance(bus, dict) else bus for bus in buses]
    return tables


def _with_line(bus: Tables) -> Tables:
    bus = dict(bus)
    monitor = bus.pop("line_monitor", None)
    return bus if monitor is None else {**bus, "line": {"monitor": monitor}}


MIGRATIONS: dict[int, Callable[[Tables], Tables]] = {
    1: _one_bus_becomes_a_list,
    2: _a_master_goes_on_as_it_was,
    3: _the_line_has_its_own_section,
}


def layout(tables: Tables) -> int:
    """Give the layout that tables say; raise `SettingsError` if they say none."""
    version = tables.get("version")
    if not isinstance(version, int) or isinstance(version, bool):
        raise SettingsError(f"the file must say its layout in a line 'version = {VERSION}'")
    return version


def migrate(tables: Tables) -> Tables:
    """Bring tables of any known version to `VERSION`; raise `SettingsError` for a version that is not known."""
    version = layout(tables)
    if version > VERSION:
        raise SettingsError(
            f"the file has layout {version}, this release knows up to {VERSION}: it was written by a newer one"
        )
    while version < VERSION:
        if version not in MIGRATIONS:
            raise SettingsError(f"layout {version} is not known")
        tables = MIGRATIONS[version](dict(tables))
        version += 1
        tables["version"] = version
    return tables
