"""Settings that the head-end sets: only those that the schema marks for it, all of an order or nothing."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from mbushosting.contact import Command
from mbushosting.fleet_settings import (
    LONGEST_VALUE,
    LONGEST_WHY,
    SettingChange,
    SettingsAnswer,
    SettingsOrder,
    Value,
    Willing,
)
from mbusmaster.hosting.errands import Done
from mbusmaster.settings import Settings, SettingsError
from mbusmaster.settings.service import Change, SettingsService, values
from mbusmaster.settings.tree import spot

SWITCHED_OFF: Final = "the settings of this master are not set from the head-end (hosting.allow_settings)"
NOT_FOR_FLEET: Final = "this setting is not set from a head-end"
UNKNOWN: Final = "there is no such setting"
_ANY: Final = "*"


class OrderedSettings:
    """Tries settings and sets them, as the head-end says.

    :param restart: ends and starts the gateway in a while; takes why.
    :param record: writes into the audit log.
    """

    def __init__(
        self,
        service: SettingsService,
        *,
        restart: Callable[[str], None],
        record: Callable[[str], None],
    ) -> None:
        self._service = service
        self._restart = restart
        self._record = record

    @property
    def willing(self) -> str:
        """Whether the owner lets a head-end do that."""
        return Willing.ON if self._service.running.hosting.allow_settings else Willing.OFF

    async def do(self, command: Command) -> Done:
        """Do an order; done twice, the second one finds nothing to change."""
        order = command.settings
        if order is None:
            return Done("refused", "the order does not say which settings")
        if self.willing is not Willing.ON:
            return Done("refused", SWITCHED_OFF)
        answer = await asyncio.to_thread(self._answer, order)
        if not order.dry_run:
            self._note(command.id, answer)
        done = Done("refused" if answer.is_refused else "done", answer.as_detail())
        return done._replace(then=self._restart_soon) if answer.restarts else done

    def _restart_soon(self) -> None:
        self._restart("the head-end has set settings that need it")

    def _answer(self, order: SettingsOrder) -> SettingsAnswer:
        stored = self._service.stored
        wanted, refused = _wanted(order.values, stored)
        version = version_of(stored)
        if order.seen and order.seen != version:
            return SettingsAnswer(version=version, changed_since=True)
        if not refused:
            try:
                changes = self._service.preview(wanted) if order.dry_run else self._service.change(wanted)
            except SettingsError as error:
                fields = error.fields or {"": str(error)}
                refused = tuple(_refused(path, why) for path, why in fields.items())
            except OSError as error:
                refused = (_refused("", f"the settings cannot be written: {error.strerror}"),)
            else:
                return self._done(order, changes, version)
        return SettingsAnswer(version=version, changes=refused)

    def _done(self, order: SettingsOrder, changes: tuple[Change, ...], version: str) -> SettingsAnswer:
        shown = tuple(
            SettingChange(
                path=one.path, old=_plain(one.old), new=_plain(one.new), needs_restart=one.needs_restart
            )
            for one in changes
        )
        if order.dry_run:
            return SettingsAnswer(version=version, changes=shown)
        waits = bool(self._service.pending())
        return SettingsAnswer(
            version=version_of(self._service.stored),
            changes=shown,
            applied=True,
            restarts=order.restart and waits,
        )

    def _note(self, id: str, answer: SettingsAnswer) -> None:
        if answer.applied and answer.changes:
            said = ", ".join(f"{one.path}: {one.old} → {one.new}" for one in answer.changes)
            self._record(f"settings set ({id}): {said}"[:1000])
        elif answer.is_refused:
            self._record(f"settings refused ({id})")


def version_of(settings: Settings) -> str:
    """Give another text for other values of what a head-end may set."""
    mine = {path: value for path, value in values(settings).items() if _is_for_fleet(path)}
    return hashlib.sha256(json.dumps(mine, sort_keys=True, default=str).encode()).hexdigest()[:32]


def _is_for_fleet(path: str) -> bool:
    here = spot(path)
    return here is not None and here.fleet


def _wanted(
    order: Mapping[str, Value], settings: Settings
) -> tuple[dict[str, object], tuple[SettingChange, ...]]:
    """Give what is to be set, a star written out, and what cannot be."""
    wanted: dict[str, object] = {}
    refused = []
    for path, value in order.items():
        for one in _written_out(path, len(settings.buses)):
            here = spot(one)
            if here is None or not here.is_setting:
                refused.append(_refused(path, UNKNOWN))
            elif not here.fleet:
                refused.append(_refused(path, NOT_FOR_FLEET))
            else:
                wanted[one] = value
    return wanted, tuple(dict.fromkeys(refused))


def _written_out(path: str, buses: int) -> list[str]:
    # The only list of sections that there is.
    if not path.startswith(f"buses.{_ANY}."):
        return [path]
    return [path.replace(_ANY, str(index), 1) for index in range(buses)]


def _refused(path: str, why: str) -> SettingChange:
    return SettingChange(path=path[:64], refused=why[:LONGEST_WHY] or "it is refused")


def _plain(value: Any) -> Value:
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value)[:LONGEST_VALUE]
