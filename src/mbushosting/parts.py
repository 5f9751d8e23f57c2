"""What messages are made of."""

from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

VERSION: Final = 1
ROOT: Final = f"/hosting/v{VERSION}"


class Message(BaseModel):
    """A message or a part of one: never changed, what is not known is left alone; numbers are ones that JSON has."""

    model_config = ConfigDict(frozen=True, extra="ignore", str_max_length=4096, allow_inf_nan=False)


EARLIEST: Final = datetime(1900, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(9000, 1, 1, tzinfo=UTC)
"""Clocks may be wrong, but whoever gets a moment must be able to show it in any zone and to reckon with it."""


def _that_can_be_reckoned_with(moment: datetime) -> datetime:
    if not EARLIEST <= moment < LATEST:
        raise ValueError(f"a moment is between the years {EARLIEST.year} and {LATEST.year}")
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(_that_can_be_reckoned_with)]
"""A time with its zone; UTC unless a field says otherwise."""
Id = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z._-]{1,64}$")]
SerialNumber = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
BusName = Annotated[str, StringConstraints(min_length=1, max_length=64)]
MeterAddress = Annotated[str, StringConstraints(pattern=r"^([0-9A-F]{16}|[0-9]{1,3})$")]
"""A secondary address of 16 hex digits, as it travels on the wire, or a primary address 0 to 250 in decimal."""
Baud = Annotated[int, Field(ge=300, le=38400)]


class MeterName(Message):
    """A meter at a master."""

    bus: BusName
    address: MeterAddress
