"""What is wrong with a master, by what it said and when; without asking anybody."""

import re
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Final

from mbusheadend.alarms.alarm import LONGEST_DETAIL, AlarmKey, Raised
from mbusheadend.alarms.kinds import AlarmKind
from mbusheadend.store import Master, StoredCertificate
from mbusheadend.watch.limits import Limits
from mbushosting.contact import Contact
from mbusweb.texts import Text, mark

KINDS: Final = frozenset(
    {
        AlarmKind.MASTER_SILENT,
        AlarmKind.CERTIFICATE_LAPSES,
        AlarmKind.CERTIFICATE_LAPSED,
        AlarmKind.MASTER_ALARM,
        AlarmKind.BUS_FAULT,
        AlarmKind.CLOCK_DOUBTFUL,
    }
)
"""What `wrong_with` finds: all others of these about a master are over."""
FIRST_CALL: Final = timedelta(days=1)
"""Within which a master that was taken in ought to call."""
DOUBTFUL: Final = "doubtful"
GOOD_BUS: Final = frozenset({"idle", "active", ""})
"""States of a bus, in the master's words, that are no fault."""
LONGEST_TEXT: Final = 1000
"""Of what a master says."""
_NUMBER: Final = re.compile(r"\d+([.,]\d+)*")

SILENT: Final = mark("The master has not called since %(since)s UTC.")
NEVER: Final = mark("The master was taken in on %(since)s UTC and has never called.")
LAPSES: Final = mark("The master's certificate lapses on %(until)s UTC, and was not renewed.")
LAPSED: Final = mark("The master's certificate lapsed on %(until)s UTC: it needs a new token.")
SAYS: Final = mark("The master says: %(text)s")
BUS: Final = mark("The bus %(bus)s: %(state)s. %(reason)s")
CLOCK_OFF: Final = mark("The master's clock is %(seconds)d seconds off.")
CLOCK_UNSURE: Final = mark("The master does not know whether its clock is right.")
DROPPED: Final = mark("The master had no room left and gave up %(count)d readings.")


def is_silent(master: Master, now: datetime, started: datetime, limits: Limits) -> bool:
    """Tell whether a master ought to have called. One cannot have called while the head-end was not there."""
    if master.local is not None:
        return False
    if master.last_contact is None:
        return now - max(master.enrolled, started) > FIRST_CALL
    return now - max(master.last_contact, started) > timedelta(minutes=limits.silent_minutes)


def wrong_with(
    master: Master,
    certificate: StoredCertificate | None,
    now: datetime,
    started: datetime,
    limits: Limits,
    lasting: Collection[AlarmKey],
) -> Iterator[Raised]:
    """Give what is wrong with a master; `lasting` are the open alarms, which end a little later than they begin."""
    silent = is_silent(master, now, started, limits)
    if silent:
        since = master.last_contact or master.enrolled
        text = Text(SILENT if master.last_contact else NEVER, {"since": f"{since:%Y-%m-%d %H:%M}"})
        yield Raised(AlarmKey(AlarmKind.MASTER_SILENT, master.serial), text)
    if certificate is not None:
        yield from _certificate(master, certificate.not_after, now, limits)
    if master.contact is not None:
        # What it said last is true as long as it says nothing else.
        yield from _said(master, master.contact)
        if not silent:
            yield from _clock(master, master.contact, limits, lasting)


def _certificate(master: Master, until: datetime, now: datetime, limits: Limits) -> Iterator[Raised]:
    values: dict[str, str | int] = {"until": f"{until:%Y-%m-%d %H:%M}"}
    if until <= now:
        yield Raised(AlarmKey(AlarmKind.CERTIFICATE_LAPSED, master.serial), Text(LAPSED, values))
    elif until - now <= timedelta(days=limits.certificate_days):
        yield Raised(AlarmKey(AlarmKind.CERTIFICATE_LAPSES, master.serial), Text(LAPSES, values))


def _said(master: Master, contact: Contact) -> Iterator[Raised]:
    for text in contact.alarms:
        # A number in it that changes makes no other alarm of it.
        detail = _NUMBER.sub("#", text)[:LONGEST_DETAIL]
        key = AlarmKey(AlarmKind.MASTER_ALARM, master.serial, None, detail)
        yield Raised(key, Text(SAYS, {"text": text[:LONGEST_TEXT]}))
    for bus in contact.buses:
        if bus.state not in GOOD_BUS:
            text_of = Text(BUS, {"bus": bus.name, "state": bus.state, "reason": bus.reason})
            yield Raised(AlarmKey(AlarmKind.BUS_FAULT, master.serial, None, bus.name), text_of)


def _clock(
    master: Master, contact: Contact, limits: Limits, lasting: Collection[AlarmKey]
) -> Iterator[Raised]:
    key = AlarmKey(AlarmKind.CLOCK_DOUBTFUL, master.serial)
    limit = timedelta(seconds=limits.clock_seconds) / (2 if key in lasting else 1)
    offset = abs(master.clock_offset or timedelta())
    if offset > limit:
        yield Raised(key, Text(CLOCK_OFF, {"seconds": int(offset.total_seconds())}))
    elif contact.clock == DOUBTFUL:
        yield Raised(key, Text(CLOCK_UNSURE))


def dropped(master: Master, known: int) -> Raised | None:
    """Tell of readings that a master gave up since so many were known."""
    count = 0 if master.contact is None else master.contact.outbox.dropped - known
    if count <= 0:
        return None
    key = AlarmKey(AlarmKind.READINGS_DROPPED, master.serial)
    return Raised(key, Text(DROPPED, {"count": count}), is_new=True)
