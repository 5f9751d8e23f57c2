"""Words of the fleet in the visitor's language: how masters, buses, clocks, meters and orders are."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from mbusheadend.fleet.masters import CallState, MasterRow, is_open
from mbusheadend.fleet.reading_now import MasterProgress, ReadState
from mbusheadend.store import CommandState, StoredCommand
from mbusheadend.web.value_texts import age_text, outcome_text
from mbushosting.contact import CommandKind
from mbushosting.readings import Outcome
from mbusweb.locale import format_datetime, ngettext, pgettext
from mbusweb.locale import gettext as _
from mbusweb.texts import mark

_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
CLOCK_TOLERANCE: Final = timedelta(seconds=5)
"""The way of a message takes its time, too."""
_CLOCKS: Final = {
    "synchronised": (mark("Synchronised"), "good"),
    "set": (mark("Set by hand"), "good"),
    "free running": (mark("Free running"), "warn"),
    "kept by the system": (mark("Kept by the system"), "good"),
    "doubtful": (mark("Doubtful"), "bad"),
}
_BUSES: Final = {
    "idle": (mark("Idle"), "good"),
    "active": (mark("Active"), "good"),
    "fault": (mark("Fault"), "bad"),
    "shut down": (mark("Shut down"), "bad"),
}
_METERS: Final = {
    "answers": (mark("Answers"), "good"),
    "acknowledges_only": (mark("Acknowledges only"), "warn"),
    "silent": (mark("Silent"), "bad"),
    "collision": (mark("Collision"), "bad"),
    "garbled": (mark("Garbled"), "bad"),
    "wrong_address": (mark("Wrong address"), "bad"),
    "other_baud": (mark("Other baud rate"), "warn"),
    "not_asked": (mark("Not asked yet"), "none"),
}
_OUTCOMES: Final = {Outcome.OK: "good", Outcome.INCOMPLETE: "warn"}
_COMMAND_STATES: Final = {
    CommandState.WAITING: (mark("Waits for the master"), "none"),
    CommandState.SENT: (mark("At work"), "warn"),
    CommandState.DONE: (mark("Done"), "good"),
    CommandState.REFUSED: (mark("Refused"), "bad"),
    CommandState.FAILED: (mark("Failed"), "bad"),
    CommandState.EXPIRED: (mark("Lapsed"), "none"),
    CommandState.CANCELLED: (mark("Taken back"), "none"),
}
_COMMANDS: Final = {
    CommandKind.READ: mark("Read now"),
    CommandKind.RESEND: mark("Send readings again"),
    CommandKind.CONTACT: mark("Send the meter list again"),
    CommandKind.TUNNEL: mark("Tunnel to a bus"),
    CommandKind.UPDATE: mark("Install a release"),
    CommandKind.SETTINGS: mark("Settings"),
}
_LAMPS: Final = {
    "power": "",
    "mbus": mark("M-Bus"),
    "data": mark("Data"),
    "overload": mark("Overload"),
    "ethernet": mark("Ethernet"),
}
_COLOURS: Final = {
    "off": mark("off"),
    "red": mark("red"),
    "green": mark("green"),
    "green flashing": mark("flashing green"),
}
_COUNTERS: Final = {
    "requests": mark("Requests"),
    "answers": mark("Answers received"),
    "retries": mark("Retries"),
    "silences": mark("No answer"),
    "garbled": mark("Garbled"),
}
_ICONS: Final = {"good": "✓", "warn": "!", "bad": "✕", "none": "–"}


@dataclass(frozen=True, slots=True)
class Sign:
    """A word with a sign, so that colour is never all there is.

    :ivar look: class of the style sheet: good, warn, bad, none.
    """

    text: str
    look: str

    @property
    def icon(self) -> str:
        """The sign."""
        return _ICONS[self.look]


@dataclass(frozen=True, slots=True)
class ShownLamp:
    """A lamp of a master; `look` as the style sheet has it: off, red, green, flashing."""

    label: str
    state: str
    look: str


def master_sign(row: MasterRow, now: datetime) -> Sign:
    """Say whether a master is there."""
    match row.state:
        case CallState.CONNECTED:
            return Sign(_("Connected"), "good")
        case CallState.HEARD:
            return Sign(_("Heard"), "good")
        case CallState.OVERDUE:
            return Sign(_("Overdue"), "bad")
        case CallState.LOCAL:
            return Sign(_("Read from here"), "none")
    return Sign(_("Never heard"), "bad" if now - row.master.enrolled > _HOUR else "none")


def clock_sign(row: MasterRow) -> Sign | None:
    """Say what is to be thought of a master's clock; None where it never called."""
    contact, offset = row.master.contact, row.master.clock_offset
    if contact is None:
        return None
    text, look = _CLOCKS.get(contact.clock, (contact.clock, "none"))
    if offset is not None and abs(offset) > CLOCK_TOLERANCE:
        return Sign(offset_text(offset), "bad" if abs(offset) > _MINUTE else "warn")
    return Sign(_(text) if text else _("Not known"), look)


def offset_text(offset: timedelta) -> str:
    """Say how far a clock is ahead or behind."""
    seconds = round(abs(offset).total_seconds())
    if not seconds:
        return _("right to the second")
    amount = _amount(seconds)
    return (_("%(time)s ahead") if offset > timedelta() else _("%(time)s behind")) % {"time": amount}


def bus_sign(state: str) -> Sign:
    """Say how a bus is."""
    text, look = _BUSES.get(state, (state, "none"))
    return Sign(_(text) if text else _("Not known"), look)


def worst_bus(row: MasterRow) -> Sign | None:
    """Say how the worst of a master's buses is; None where it never called or has none."""
    contact = row.master.contact
    signs = [bus_sign(bus.state) for bus in contact.buses] if contact is not None else []
    order = ("bad", "warn", "none", "good")
    return min(signs, key=lambda sign: order.index(sign.look), default=None)


def meter_sign(status: str) -> Sign:
    """Say what was seen of a meter at its master."""
    text, look = _METERS.get(status, (status, "none"))
    return Sign(_(text) if text else _("Not known"), look)


def outcome_sign(outcome: Outcome) -> Sign:
    """Say what came of an attempt to read."""
    return Sign(outcome_text(outcome), _OUTCOMES.get(outcome, "bad"))


def command_sign(command: StoredCommand, now: datetime) -> Sign:
    """Say how far a command is."""
    state = command.state
    if state in (CommandState.WAITING, CommandState.SENT) and not is_open(command, now):
        state = CommandState.EXPIRED
    text, look = _COMMAND_STATES[state]
    return Sign(_(text), look)


def command_text(command: StoredCommand) -> str:
    """Say what a command asks for."""
    return _(_COMMANDS[command.command.kind])


def lamps(row: MasterRow) -> tuple[ShownLamp, ...]:
    """Give the lamps of a master, from left to right; none where it never called."""
    contact = row.master.contact
    there = dict(contact.lamps) if contact is not None else {}
    names = [*(name for name in _LAMPS if name in there), *(name for name in there if name not in _LAMPS)]
    return tuple(_lamp(name, there[name]) for name in names)


def counter_text(name: str) -> str:
    """Name a counter: of one bus what comes behind the point."""
    bus, _point, kind = name.rpartition(".")
    text = _(_COUNTERS[kind]) if kind in _COUNTERS else kind
    return _("%(what)s, bus %(bus)s") % {"what": text, "bus": bus} if bus else text


def read_text(one: MasterProgress, now: datetime) -> str:
    """Say how far an order to read is at a master, and when it will go on."""
    match one.state:
        case ReadState.WAITING if one.call is CallState.CONNECTED:
            return _("The master is being told.")
        case ReadState.WAITING:
            return _waiting_text(one, now)
        case ReadState.AT_WORK:
            return _("The master is reading.")
        case ReadState.DONE if one.is_over:
            return _("The master has read.")
        case ReadState.DONE:
            return _("The master has read; the last readings are on their way.")
        case ReadState.FAILED if one.detail:
            return _("Nothing was read. The master says: %(detail)s.") % {"detail": one.detail}
        case ReadState.FAILED:
            return _("Nothing was read.")
        case ReadState.EXPIRED:
            return _("The master did not call in time; the order has lapsed.")
    return _("It was taken back. What the master had read already is here all the same.")


def _waiting_text(one: MasterProgress, now: datetime) -> str:
    until = "" if one.expires is None else format_datetime(one.expires)
    if one.last_contact is None:
        return _("The master has never called. It reads as soon as it calls, until %(until)s.") % {
            "until": until
        }
    values = {"ago": age_text(now - one.last_contact), "until": until}
    if one.call is CallState.OVERDUE:
        return (
            _(
                "The master is overdue: it called %(ago)s. It reads as soon as it calls again, until %(until)s."
            )
            % values
        )
    return (
        _(
            "The master is not connected: it called %(ago)s. It reads when it calls next, mostly within 5 minutes."
        )
        % values
    )


def _lamp(name: str, said: str) -> ShownLamp:
    colour = said if said in _COLOURS else "off"
    state = _(_COLOURS[said]) if said in _COLOURS else said
    look = "flashing" if colour == "green flashing" else colour
    # The quantity is the same word in English only.
    title = pgettext("lamp", "Power") if name == "power" else _(_LAMPS[name]) if name in _LAMPS else name
    return ShownLamp(title, state, look)


def _amount(seconds: int) -> str:
    if seconds < 120:
        return ngettext("%(num)d second", "%(num)d seconds", seconds) % {"num": seconds}
    if seconds < 7200:
        return ngettext("%(num)d minute", "%(num)d minutes", seconds // 60) % {"num": seconds // 60}
    if seconds < 172800:
        return ngettext("%(num)d hour", "%(num)d hours", seconds // 3600) % {"num": seconds // 3600}
    return ngettext("%(num)d day", "%(num)d days", seconds // 86400) % {"num": seconds // 86400}
