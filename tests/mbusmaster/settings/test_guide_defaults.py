"""Every setting that the user guide names, with its default and options (guide 3.1.2 to 3.1.7)."""

from typing import Any

import pytest

from mbusmaster.settings import Settings
from mbusmaster.settings.forms import fields
from mbusmaster.settings.service import values

BAUDS = (300, 2400, 9600, 19200)
SWITCH = "bool"
ADDRESS = "address"
PORTS = range(65536)

GUIDE: list[tuple[str, str, str, Any, Any]] = [
    # Section, title, path, options, default. "-": the guide names none; what holds then is decided here.
    ("3.1.2", "DHCP", "ethernet.dhcp", SWITCH, True),  # -
    ("3.1.2", "IP address", "ethernet.address", ADDRESS, None),
    ("3.1.2", "Netmask", "ethernet.netmask", ADDRESS, None),
    ("3.1.2", "Gateway", "ethernet.gateway", ADDRESS, None),
    ("3.1.2", "DNS1", "ethernet.dns1", ADDRESS, None),
    ("3.1.2", "DNS2", "ethernet.dns2", ADDRESS, None),
    ("3.1.3", "Hosting", "hosting.enabled", SWITCH, False),  # -
    ("3.1.4", "Enable secured TCP at Port", "channels.secured_tcp.enabled", SWITCH, True),
    ("3.1.4", "Port number", "channels.secured_tcp.port", PORTS, 1445),
    ("3.1.4", "Enable unsecured TCP at Port", "channels.plain_tcp.enabled", SWITCH, False),
    ("3.1.4", "Port number", "channels.plain_tcp.port", PORTS, 2445),
    ("3.1.4", "Secure communication only", "channels.secure_only", SWITCH, False),  # -
    ("3.1.5", "Min. baud rate", "buses.0.min_baud", BAUDS, 300),
    ("3.1.5", "Default baud rate", "buses.0.default_baud", BAUDS, 2400),
    ("3.1.5", "Max. baud rate", "buses.0.max_baud", BAUDS, 19200),
    ("3.1.5", "Timeout [seconds]", "buses.0.timeout", range(1, 4), 2),
    ("3.1.5", "Max retries", "buses.0.retries", range(1, 4), 3),
    ("3.1.6", "Time", "time.source", ("pc", "server", "manual"), "server"),  # -
    ("3.1.6", "Time server", "time.server", "text", None),
    ("3.1.6", "Standard time server", "time.standard_server", "text", "nts.ready.kamstrup.com"),
    ("3.1.7", "Automatic update", "firmware.automatic", SWITCH, True),
]
RESTART_SECTIONS = ("3.1.4",)
"""After which a restart is needed (guide 3.1.9; addresses, 3.1.2, are put on trial at once instead)."""


@pytest.mark.parametrize(
    ("section", "title", "path", "options", "default"), GUIDE, ids=[row[2] for row in GUIDE]
)
def test_a_setting_of_the_guide_has_its_title_options_and_default(
    section: str, title: str, path: str, options: Any, default: Any
) -> None:
    (field,) = fields(path)
    assert (field.title, field.default) == (title, default)
    assert values(Settings())[path] == default
    if isinstance(options, str):
        assert field.kind == options
    elif isinstance(options, range):
        assert (field.kind, field.minimum, field.maximum) == ("int", options[0], options[-1])
    else:
        assert (field.kind, field.choices) == ("choice", options)
    if section in RESTART_SECTIONS:
        assert field.needs_restart


def test_what_may_stay_empty_in_the_guide_may_be_empty() -> None:
    assert all(
        field.optional
        for field in fields("ethernet.gateway", "ethernet.dns1", "ethernet.dns2", "time.server")
    )


def test_the_web_pages_are_where_the_guide_says_and_nowhere_else() -> None:
    web = Settings().web
    assert (str(web.setup_address), web.port, web.enabled, web.lan) == ("10.0.0.1", 80, True, False)
