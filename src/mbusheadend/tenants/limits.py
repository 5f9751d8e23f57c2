"""How much a tenant may have, kept to where it is added."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from mbusheadend.errors import RefusedError
from mbusheadend.store import Store, StoreError, StoreRefusedError, UnknownError
from mbusheadend.tenants.tenant import Quota, Tenant
from mbushosting.contact import Contact, RefusalCode
from mbushosting.readings import Batch

AGAIN_SECONDS: Final = 3600
"""After which a master tries again that was sent away."""
KNOWN_SECONDS: Final = 60.0
"""For so long the number of meters is not counted again."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Use:
    """What a tenant has.

    :ivar readings_today: that were counted, which is done only where there is a bound.
    """

    masters: int
    meters: int
    readings_today: int


class Limits:
    """Of one tenant; without a bound nothing is asked and nothing is counted.

    :param tenant: gives it, as it is now.
    """

    def __init__(self, store: Store, tenant: Callable[[], Tenant], now: Callable[[], datetime]) -> None:
        self._store = store
        self._tenant = tenant
        self._now = now
        self._meters, self._counted = 0, float("-inf")

    @property
    def quota(self) -> Quota:
        """What is in force."""
        return self._tenant().quota

    async def use(self) -> Use:
        """Tell what the tenant has. Raise `StoreError`."""
        today = await self._store.delivered(self._now().date())
        return Use(len(await self._store.masters()), len(await self._store.meters()), today)

    async def see_room_for_master(self, serial: str) -> None:
        """Refuse one more master than may be. Raise `RefusedError`, `StoreError`."""
        try:
            await self.see_room_for_local_master(serial)
        except StoreRefusedError as error:
            raise RefusedError(403, RefusalCode.BUSY, str(error)) from None

    async def see_room_for_local_master(self, serial: str) -> None:
        """The same, for people. Raise `StoreRefusedError`, `StoreError`."""
        most = self.quota.masters
        if most is None:
            return
        try:
            await self._store.master(serial)
        except UnknownError:
            if len(await self._store.masters()) >= most:
                raise StoreRefusedError(f"the quota of {most} masters is used up") from None

    async def without_too_many_meters(self, contact: Contact) -> Contact:
        """Leave the meter list out of a contact that would bring more than may be: the master may do all else."""
        most = self.quota.meters
        if most is None or contact.meters is None:
            return contact
        known = {one.identity for one in await self._store.meters()}
        listed = {str(one.address) for one in contact.meters}
        if len(known | listed) <= most:
            return contact
        _log.warning(
            "tenant %s: the list of master %s is not taken: the quota of %d meters is used up",
            self._tenant().name,
            contact.serial_number,
            most,
        )
        return contact.model_copy(update={"meters": None, "meter_list": ""})

    async def count(self, batch: Batch) -> None:
        """Count what is delivered, or send the master away. Raise `RefusedError`."""
        try:
            reason = await self._too_much(batch)
        except StoreError as error:
            # A stream takes it all the same, and nobody loses a reading because nobody could count.
            _log.warning("tenant %s: not counted: %s", self._tenant().name, error)
            return
        if reason:
            raise RefusedError(429, RefusalCode.BUSY, reason, retry_after=AGAIN_SECONDS)

    async def _too_much(self, batch: Batch) -> str:
        quota = self.quota
        if quota.meters is not None and await self._meters_now() > quota.meters:
            return f"the quota of {quota.meters} meters is used up"
        most = quota.readings_per_day
        if most is None or not batch.readings:
            return ""
        day, count = self._now().date(), len(batch.readings)
        if await self._store.count_delivered(day, count, most):
            return ""
        return f"the quota of {most} readings per day is used up"

    async def _meters_now(self) -> int:
        if time.monotonic() - self._counted > KNOWN_SECONDS:
            self._meters, self._counted = len(await self._store.meters()), time.monotonic()
        return self._meters
