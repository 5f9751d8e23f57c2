"""From when on something is an alarm; people may change it."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mbusheadend.store import Store


class Limits(BaseModel):
    """All of it.

    :ivar silent_minutes: without a call after which a master is silent; masters call every five minutes or so.
    :ivar certificate_days: before a certificate lapses. It is renewed when a third of its time is left.
    :ivar clock_seconds: that a master's clock may be wrong.
    :ivar silent_slots: that a meter may miss, one after the other.
    :ivar complete_percent: of the readings of a master in a day that must come.
    :ivar disk_percent: of the disk that must be free.
    :ivar event_days: after which what happened once is no alarm any more.
    :ivar kept_days: that alarms which are over are kept.
    :ivar fill_days: how far back gaps are filled.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    silent_minutes: Annotated[int, Field(ge=2, le=43200)] = 20
    certificate_days: Annotated[int, Field(ge=1, le=365)] = 14
    clock_seconds: Annotated[int, Field(ge=5, le=86400)] = 60
    silent_slots: Annotated[int, Field(ge=1, le=1000)] = 3
    complete_percent: Annotated[int, Field(ge=1, le=100)] = 95
    disk_percent: Annotated[int, Field(ge=1, le=50)] = 5
    event_days: Annotated[int, Field(ge=1, le=365)] = 7
    kept_days: Annotated[int, Field(ge=1, le=3650)] = 400
    fill_days: Annotated[int, Field(ge=1, le=60)] = 14


NOTE = "limits"
"""Under which the store has them."""


async def limits_in(store: Store) -> Limits:
    """Give those that are in force. Raise `StoreError`."""
    text = await store.read_note(NOTE)
    try:
        return Limits() if text is None else Limits.model_validate_json(text)
    except ValidationError:
        # Of another version.
        return Limits()
