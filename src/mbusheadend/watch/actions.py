"""What people do with alarms, rules and gaps, without web; what is missing here, pages ask of the store itself."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from mbusheadend.alarms.alarm import Alarm, AlarmFilter
from mbusheadend.alarms.kinds import JUDGMENTS
from mbusheadend.alarms.rules import SHORTEST_SECRET, Rule, Webhook
from mbusheadend.filling.gaps import Filled, GapFill
from mbusheadend.judging.clocks import clock_state
from mbusheadend.judging.meter_state import MeterState
from mbusheadend.store import Meter, Store, StoreRefusedError
from mbusheadend.watch.limits import NOTE, Limits
from mbusweb.texts import mark

MOST_JUDGMENTS = 200


@dataclass(frozen=True, slots=True)
class GapRow:
    """A gap, how far its filling is, and whose it is."""

    meter: Meter
    fill: GapFill


@dataclass(frozen=True, slots=True)
class MeterJudgments:
    """What readings tell of a meter.

    :ivar alarms: judgments, the newest first, also those that are over.
    :ivar judged: up to which reading.
    :ivar clock_zone: what its clock is ahead of UTC by its zone, `clock_error` beyond that, `clock_drift` a day; None where
        nothing is known.
    :ivar still_since: since when its counters have not moved, in `still_readings`.
    """

    alarms: tuple[Alarm, ...]
    judged: datetime | None
    clock_zone: timedelta | None
    clock_error: timedelta | None
    clock_drift: timedelta | None
    still_since: datetime | None
    still_readings: int


def new_secret() -> str:
    """Make a secret for a webhook."""
    return secrets.token_urlsafe(32)


async def put_rule(store: Store, rule: Rule, secret: str | None) -> None:
    """Add or change a rule; raise `StoreRefusedError` where its secret is missing or too short."""
    if isinstance(rule.target, Webhook):
        if secret is not None and len(secret) < SHORTEST_SECRET:
            raise StoreRefusedError(f"the secret of a webhook has at least {SHORTEST_SECRET} characters")
        if secret is None and await store.rule_secret(rule.id) is None:
            raise StoreRefusedError(mark("a webhook needs a secret, with which its messages are signed"))
    await store.put_alarm_rule(rule, secret)


async def set_limits(store: Store, limits: Limits) -> None:
    """Change from when on something is an alarm; it counts from the next look on."""
    await store.write_note(NOTE, limits.model_dump_json())


async def gaps_of(
    store: Store, serial: str | None = None, meter: int | None = None, limit: int = 1000
) -> tuple[GapRow, ...]:
    """Give gaps and how far their filling is: of a master, of a meter, or all; the newest first."""
    meters = {one.id: one for one in await _meters(store, serial, meter)}
    fills = await store.fills(serial, meter)
    return tuple(GapRow(meters[fill.meter], fill) for fill in fills if fill.meter in meters)[:limit]


async def filled_of(store: Store, meter: int, since: datetime, until: datetime) -> tuple[Filled, ...]:
    """Give the slots of a meter that were filled later, and from what."""
    return await store.filled(meter, since, until)


async def judgments_of(store: Store, meter: int) -> MeterJudgments:
    """Give what readings tell of a meter; raise `UnknownError`."""
    await store.meter(meter)
    page = await store.alarms(AlarmFilter(kinds=JUDGMENTS, meter=meter), limit=MOST_JUDGMENTS)
    text = (await store.judged_states([meter])).get(meter)
    state = MeterState() if text is None else MeterState.from_text(text)
    clock = clock_state(state.told)
    return MeterJudgments(
        page.alarms,
        state.taken,
        None if clock is None else clock.zone,
        None if clock is None else clock.error,
        None if clock is None else clock.drift,
        state.still_since,
        state.still,
    )


async def _meters(store: Store, serial: str | None, meter: int | None) -> Iterable[Meter]:
    return await store.meters(serial) if meter is None else [await store.meter(meter)]
