"""Local masters: added, changed, deleted, and their meter lists imported."""

import asyncio
import secrets
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from mbusheadend.local.credentials import NO_CREDENTIALS, Credentials, checked_keys
from mbusheadend.local.errors import LocalError
from mbusheadend.local.places import checked_name, place_of
from mbusheadend.store import Store, StoreRefusedError
from mbusio.listreading import Patience
from mbusio.meterfile import ImportReport
from mbusio.meterimport import read_meters
from mbusweb.texts import Text, mark

PREFIX: Final = "local-"
"""Of the serial numbers that the head-end gives to them."""
_SEVERAL_BUSES: Final = mark(
    "The list has meters on several buses (%(buses)s), and a local master has one: name it"
)
_NO_METER: Final = mark("The list names no meter on the bus %(bus)s")
_NOT_STORED: Final = mark("The keys cannot be stored: %(reason)s")
_NOT_LOCAL: Final = mark("The master %(serial)s calls the head-end; it is not read locally")


@dataclass(frozen=True, slots=True)
class ListImport:
    """What became of a list.

    :ivar report: nothing is taken where it has problems.
    :ivar new: numbers of meters that were not known before.
    :ivar elsewhere: addresses of meters that stay at a master that calls, and are read by it.
    """

    report: ImportReport
    new: tuple[int, ...] = ()
    elsewhere: tuple[str, ...] = ()


async def add_master(
    store: Store,
    *,
    name: str,
    url: str,
    now: datetime,
    patience: Patience | None = None,
    credentials: Credentials = NO_CREDENTIALS,
) -> str:
    """Add one; give the serial number that it gets here. Raise `LocalError` for what makes no sense."""
    place = place_of(url, patience or Patience())
    serial = PREFIX + secrets.token_hex(4)
    name = checked_name(name)
    keys = await asyncio.to_thread(checked_keys, credentials)
    try:
        await store.add_local_master(serial, name, place, now, keys)
    except StoreRefusedError as error:
        raise LocalError(Text(_NOT_STORED, {"reason": str(error)})) from error
    return serial


async def change_master(
    store: Store,
    serial: str,
    *,
    name: str,
    url: str,
    patience: Patience,
    credentials: Credentials = NO_CREDENTIALS,
) -> None:
    """Reach it in another way; credentials that are not handed in stay. Raise `LocalError` and `UnknownError`."""
    place, name = place_of(url, patience), checked_name(name)
    master = await store.master(serial)
    _check_local(serial, master.local is not None)
    keys = await asyncio.to_thread(checked_keys, credentials)
    try:
        await store.set_local_place(serial, place, keys)
    except StoreRefusedError as error:
        raise LocalError(Text(_NOT_STORED, {"reason": str(error)})) from error
    await store.set_master(serial, name=name, groups=master.groups)


async def delete_master(store: Store, serial: str, now: datetime) -> None:
    """Forget a local master and its keys; its meters and their readings stay. Raise `LocalError` and `UnknownError`."""
    _check_local(serial, (await store.master(serial)).local is not None)
    await store.delete_master(serial, now)


async def import_list(
    store: Store, serial: str, data: bytes, now: datetime, *, bus: str | None = None
) -> ListImport:
    """Take the meters of a master's CSV, all of them or none.

    :param bus: takes those on this bus only; needed where the list names several.

    Raise `LocalError` where no bus is named and there are several, or none of its meters is there; `UnknownError`.
    """
    _check_local(serial, (await store.master(serial)).local is not None)
    read = await asyncio.to_thread(read_meters, data)
    if read.report.problem_count:
        return ListImport(read.report)
    buses = sorted({meter.bus for meter in read.meters})
    if bus is None and len(buses) > 1:
        raise LocalError(Text(_SEVERAL_BUSES, {"buses": ", ".join(buses)[:200]}))
    meters = [meter for meter in read.meters if bus in (None, meter.bus)]
    if not meters:
        raise LocalError(Text(_NO_METER, {"bus": bus or ""}))
    new = await store.add_meters(
        serial, [(meter.bus, meter.address, meter.primary, meter.note) for meter in meters], now
    )
    report = replace(read.report, taken=True, added=len(new), unchanged=len(meters) - len(new))
    here = {(one.place.bus, one.place.address) for one in await store.meters(serial) if one.place}
    elsewhere = tuple(meter.address for meter in meters if (meter.bus, meter.address) not in here)
    return ListImport(report, new, elsewhere)


def _check_local(serial: str, is_local: bool) -> None:
    if not is_local:
        raise LocalError(Text(_NOT_LOCAL, {"serial": serial}))
