"""A tenant: a customer whose masters, meters, readings and users nobody else sees."""

import re
from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

MAIN_ID: Final = 1
"""Of the tenant that is always there: the head-end of whoever has no others."""
MAIN: Final = "main"
_ORGANIZATION: Final = "tenant "
NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
TenantName = Annotated[str, StringConstraints(pattern=rf"^{NAME.pattern}$")]
Count = Annotated[int, Field(ge=0, le=1_000_000_000)]


class Quota(BaseModel):
    """How much a tenant may have; None is without a bound.

    :ivar readings_per_day: that are delivered in one day of UTC; what comes twice counts twice.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    masters: Count | None = None
    meters: Count | None = None
    readings_per_day: Count | None = None
    users: Annotated[int, Field(ge=1, le=200)] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is no bound at all."""
        return self == Quota()


class Tenant(BaseModel):
    """A tenant.

    :ivar id: never that of another one again.
    :ivar name: also a part of addresses; small letters, digits, hyphens.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[int, Field(ge=1, lt=1 << 31)]
    name: TenantName
    quota: Quota = Quota()

    @property
    def is_main(self) -> bool:
        """Whether it is the one that is always there."""
        return self.id == MAIN_ID

    @property
    def organization(self) -> str:
        """What certificates of its masters say; empty for the main one's."""
        return "" if self.is_main else f"{_ORGANIZATION}{self.id}"


def tenant_of(organizations: Sequence[str]) -> int | None:
    """Give the number of the tenant that a certificate of ours names, None for what is none."""
    if not organizations:
        return MAIN_ID
    number = organizations[0].removeprefix(_ORGANIZATION)
    if len(organizations) > 1 or f"{_ORGANIZATION}{number}" != organizations[0] or not number.isdecimal():
        return None
    return int(number[:10])


THE_ONLY_ONE: Final = Tenant(id=MAIN_ID, name=MAIN)
