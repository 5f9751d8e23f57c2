"""Settings of many masters: tried first at each, which says what would change, then set where that is still so."""

import contextlib
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from pydantic import ValidationError

from mbusheadend.fleet.settings_order import SettingsForFleet
from mbusheadend.store import CommandState, Store, StoredCommand, StoreRefusedError, UnknownError
from mbushosting.contact import Command, CommandKind
from mbushosting.fleet_settings import SettingsAnswer, SettingsOrder, Value, Willing
from mbusweb.texts import mark

LAPSE: Final = timedelta(days=1)
"""After which a master that did not call is not asked any more."""
NOBODY: Final = mark("choose at least one master that calls here")
WRONG: Final = mark(
    "these settings cannot be set: write names such as log.level, short values, and not too many"
)


class Progress(StrEnum):
    """How far a master is."""

    WAITING = "waiting"
    TRIED = "tried"
    """It said what would change."""
    NOTHING = "nothing to change"
    SETTING = "setting"
    SET = "set"
    REFUSED = "refused"
    CHANGED = "changed since"
    """Its settings are others than at the dry run: nothing was set. Try again."""
    SILENT = "not heard"
    TOO_OLD = "cannot do that"
    GONE = "gone"

    @property
    def is_open(self) -> bool:
        """Whether an answer is still to come."""
        return self in (Progress.WAITING, Progress.SETTING)


@dataclass(frozen=True, slots=True)
class AtMaster:
    """What an order comes to at a master.

    :ivar answer: what it said last, None where it said nothing that can be read.
    :ivar detail: why not, in its words.
    """

    serial: str
    name: str
    progress: Progress
    answer: SettingsAnswer | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class SettingsDesk:
    """Gives orders and tells how far they are."""

    store: Store
    now: Callable[[], datetime]

    async def try_out(
        self,
        values: Mapping[str, Value],
        masters: Iterable[str],
        *,
        groups: Iterable[str] = (),
        everybody: bool = False,
        restart: bool = False,
        title: str = "",
        who: str = "",
    ) -> SettingsForFleet:
        """Have masters say what settings would change. Raise `StoreRefusedError`."""
        named, of_groups = set(masters), set(groups)
        serials = [
            one.serial
            for one in await self.store.masters()
            if one.local is None
            and (everybody or one.serial in named or not of_groups.isdisjoint(one.groups))
        ]
        if not serials:
            raise StoreRefusedError(NOBODY)
        try:
            order = SettingsForFleet(
                id=secrets.token_hex(5),
                title=title,
                values=dict(values),
                restart=restart,
                masters=tuple(serials),
                who=who,
                made=self.now(),
            )
        except ValidationError:
            raise StoreRefusedError(WRONG) from None
        await self.store.put_fleet_settings(order)
        for master in await self.store.masters():
            able = master.contact is None or master.contact.settings == Willing.ON
            if master.serial in order.masters and able:
                await self._send(order, master.serial, order.dry_run, dry_run=True, seen="")
        return order

    async def set_for_good(self, id: str, serials: Iterable[str] | None, most: int | None = None) -> int:
        """Set what was tried, at masters that said that they would; say at how many.

        :param serials: these; None for all. :param most: so many at the most: a ring by hand.
        """
        order = await self.store.fleet_settings(id)
        wanted = None if serials is None else set(serials)
        ready = [
            one
            for one in await self.progress(order)
            if one.progress is Progress.TRIED and (wanted is None or one.serial in wanted)
        ]
        chosen = ready if most is None else ready[:most]
        for one in chosen:
            assert one.answer is not None, "it was tried"
            await self._send(order, one.serial, order.for_good, dry_run=False, seen=one.answer.version)
        return len(chosen)

    async def progress(self, order: SettingsForFleet) -> tuple[AtMaster, ...]:
        """Tell how far it is at each master."""
        tried = {one.master: one for one in await self.store.command_everywhere(order.dry_run)}
        done = {one.master: one for one in await self.store.command_everywhere(order.for_good)}
        masters = {one.serial: one for one in await self.store.masters()}
        found = []
        for serial in order.masters:
            master = masters.get(serial)
            if master is None:
                found.append(AtMaster(serial, "", Progress.GONE))
                continue
            command = done.get(serial) or tried.get(serial)
            found.append(_at(serial, master.name, command, is_for_good=serial in done))
        return tuple(found)

    async def _send(self, order: SettingsForFleet, serial: str, id: str, *, dry_run: bool, seen: str) -> None:
        wanted = SettingsOrder(values=order.values, dry_run=dry_run, seen=seen, restart=order.restart)
        now = self.now()
        command = Command(id=id, kind=CommandKind.SETTINGS, settings=wanted, expires=now + LAPSE)
        # Deleted meanwhile: the page says so.
        with contextlib.suppress(UnknownError):
            await self.store.add_command(serial, command, now)


def _at(serial: str, name: str, command: StoredCommand | None, *, is_for_good: bool) -> AtMaster:
    if command is None:
        return AtMaster(serial, name, Progress.TOO_OLD)
    if command.state.is_open:
        return AtMaster(serial, name, Progress.SETTING if is_for_good else Progress.WAITING)
    answer = _answer(command.detail)
    if command.state in (CommandState.EXPIRED, CommandState.CANCELLED):
        return AtMaster(serial, name, Progress.SILENT)
    if answer is None:
        return AtMaster(serial, name, Progress.REFUSED, None, command.detail)
    if answer.changed_since:
        return AtMaster(serial, name, Progress.CHANGED, answer)
    if answer.is_refused or command.state is not CommandState.DONE:
        return AtMaster(serial, name, Progress.REFUSED, answer)
    if is_for_good:
        return AtMaster(serial, name, Progress.SET, answer)
    return AtMaster(serial, name, Progress.TRIED if answer.changes else Progress.NOTHING, answer)


def _answer(detail: str) -> SettingsAnswer | None:
    try:
        return SettingsAnswer.model_validate_json(detail)
    except ValidationError:
        return None
