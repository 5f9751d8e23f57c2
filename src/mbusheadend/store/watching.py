"""What alarms, judgments and the filling of gaps ask of the store."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from mbusheadend.alarms.alarm import Alarm, AlarmFilter, AlarmKey, AlarmNews, AlarmPage, Raised
from mbusheadend.alarms.kinds import AlarmKind, Severity
from mbusheadend.alarms.outgoing import Outgoing, OutgoingState
from mbusheadend.alarms.rules import MailServer, Rule
from mbusheadend.filling.gaps import Filled, GapFill
from mbusheadend.store.enrolling import StoredCertificate
from mbusheadend.store.fleet import Place
from mbusheadend.store.readings import Quarantined, StoredReading


@dataclass(frozen=True, slots=True)
class Arrived:
    """Readings in the order in which they came.

    :ivar begin: number behind which they are, `end` that of the last one.
    :ivar readings: with raw telegrams only where the status has bits that depend on the structure.
    :ivar identities: of their meters.
    """

    begin: int
    end: int
    readings: tuple[StoredReading, ...]
    identities: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Exchange:
    """Another meter is at a place now.

    :ivar number: rises.
    """

    number: int
    place: Place
    before: str
    meter: int
    identity: str
    since: datetime


class Alarms(Protocol):
    """Alarms. Of each key one is open at most; what repeats counts up."""

    async def note_alarms(self, raised: Iterable[Raised], cleared: Iterable[AlarmKey], now: datetime) -> int:
        """Raise and clear alarms; say how many began or ended. Alarms about meters that are not known are left out."""

    async def settle_alarms(
        self, kinds: Iterable[AlarmKind], master: str | None, raised: Iterable[Raised], now: datetime
    ) -> int:
        """Let these be the open alarms of these kinds about a master (None: about all): the others are over."""

    async def end_alarms(self, kinds: Iterable[AlarmKind], before: datetime, now: datetime) -> int:
        """Let alarms of these kinds be over that were seen last before a time."""

    async def clear_alarms_of_others(self, masters: Iterable[str], now: datetime) -> int:
        """Let alarms about masters be over that are none of these."""

    async def alarms(
        self, chosen: AlarmFilter | None = None, before: int | None = None, limit: int = 100
    ) -> AlarmPage:
        """Give alarms, the newest first, page by page."""

    async def alarm(self, id: int) -> Alarm:
        """Give one; raise `UnknownError`."""

    async def acknowledge_alarms(self, ids: Iterable[int], who: str, now: datetime, note: str = "") -> int:
        """Note who knows of these, and what he says about them; say how many nobody had acknowledged before."""

    async def count_alarms(self) -> Mapping[Severity, int]:
        """Count open alarms that nobody acknowledged, by how bad they are."""

    async def forget_alarms(self, before: datetime, messages_before: datetime, limit: int = 500) -> int:
        """Forget alarms that were over before a time, and messages that were settled; say how many. Call again until 0.

        Of alarms that are over, only the newest 100,000 stay in any case.
        """


class Notifying(Protocol):
    """Who is told of alarms, and the messages on their way. Secrets need a key file: `StoreRefusedError` without one."""

    async def alarm_rules(self) -> tuple[Rule, ...]:
        """Give all, by id."""

    async def put_alarm_rule(self, rule: Rule, secret: str | None) -> None:
        """Add a rule, which is told of what comes from now on, or change the one of this id.

        Its secret stays where None is given.
        """

    async def delete_alarm_rule(self, id: str) -> None:
        """Remove one, and its messages that have not arrived; raise `UnknownError`."""

    async def rule_secret(self, id: str) -> str | None:
        """Give the secret of a rule, None where it has none. Raise `StoreRefusedError` where the key file does not open it."""

    async def mail_server(self) -> MailServer | None:
        """Give the way for mails."""

    async def put_mail_server(self, server: MailServer | None, password: str | None) -> None:
        """Set the way for mails, or forget it; the password stays where None is given."""

    async def mail_password(self) -> str | None:
        """Give the password for the mail server, as `rule_secret`."""

    async def rules_told(self) -> Mapping[str, int]:
        """Tell up to which news each rule was looked through."""

    async def alarm_news(self, after: int, limit: int = 1000) -> tuple[AlarmNews, ...]:
        """Give what alarms began and ended behind a number."""

    async def put_outgoing(self, rule: str, told: int, message: Outgoing | None) -> None:
        """Note up to where a rule was looked through, together with the message that came of it. A rule that is gone: nothing."""

    async def outgoing_due(self, now: datetime, limit: int = 100) -> tuple[Outgoing, ...]:
        """Give messages that are to be tried now, those that wait for longest first."""

    async def outgoing(self, limit: int = 100) -> tuple[Outgoing, ...]:
        """Give the newest messages."""

    async def note_delivery(
        self, id: str, state: OutgoingState, due: datetime, error: str, now: datetime
    ) -> None:
        """Note what came of an attempt."""


class Judging(Protocol):
    """Judgments over what arrived, each reading once."""

    async def arrived(self, limit: int = 1000) -> Arrived:
        """Give the next readings that were not judged yet."""

    async def judged_states(self, meters: Iterable[int]) -> Mapping[int, str]:
        """Give what is remembered of meters."""

    async def put_judged(
        self,
        begin: int,
        end: int,
        states: Mapping[int, str],
        raised: Iterable[Raised],
        cleared: Iterable[AlarmKey],
        now: datetime,
    ) -> bool:
        """Store what judging the readings from `begin` to `end` has given; false, and nothing, where others did it meanwhile."""

    async def exchanges(self, after: int, limit: int = 1000) -> tuple[tuple[Exchange, ...], int]:
        """Give exchanges of meters behind a number, and the number to go on with."""

    async def quarantined_since(self, since: datetime, limit: int = 1000) -> tuple[Quarantined, ...]:
        """Give readings of wrong meters that came from then on, the oldest first."""

    async def newest_certificates(self) -> Mapping[str, StoredCertificate]:
        """Give of each master that is here the certificate that lapses last and is not revoked."""

    async def read_note(self, name: str) -> str | None:
        """Give what a service has noted for itself."""

    async def write_note(self, name: str, body: str) -> None:
        """Note something."""


class Filling(Protocol):
    """Gaps that are being filled."""

    async def fills(self, serial: str | None = None, meter: int | None = None) -> tuple[GapFill, ...]:
        """Give how far the filling of gaps is, of meters that are at a master, or of one meter; the newest gap first."""

    async def put_fills(self, fills: Iterable[GapFill], gone: Iterable[GapFill]) -> None:
        """Store how far filling is, and forget it where the gap is gone."""

    async def put_filled(self, filled: Iterable[Filled]) -> None:
        """Put values into slots; what was read for a slot is worth more than what a memory gave. It closes the gap there."""

    async def filled(self, meter: int, since: datetime, until: datetime) -> tuple[Filled, ...]:
        """Give what slots of a meter were filled with, in the order of time."""
