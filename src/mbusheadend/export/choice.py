"""Which meters are meant."""

from collections.abc import Collection

from mbusheadend.errors import HeadEndError
from mbusheadend.store import Meter, Store


async def choose_meters(
    store: Store,
    *,
    meters: Collection[str] = (),
    groups: Collection[str] = (),
    masters: Collection[str] = (),
) -> tuple[Meter, ...]:
    """Give the meters that fit all that is named, by identity; all where nothing is named.

    Raise `HeadEndError` for a meter that is not known, is not the only one of that name, or where none fits.

    :param meters: identities, the digits printed on the meter, or names.
    :param groups: of meters; one of them suffices.
    :param masters: serial numbers of masters, or their names, at which the meter is now; one of them suffices.
    """
    known = await store.meters()
    chosen = {_found(known, text) for text in meters}
    at = {master.serial for master in await store.masters() if {master.serial, master.name} & set(masters)}
    fitting = tuple(
        meter
        for meter in known
        if (not meters or meter.id in chosen)
        and (not groups or not meter.groups.isdisjoint(groups))
        and (not masters or (meter.place is not None and meter.place.master in at))
    )
    if not fitting:
        raise HeadEndError("no meter is known here that fits all that was named")
    return fitting


def _found(known: Collection[Meter], text: str) -> int:
    wanted = text.strip()
    found = [meter.id for meter in known if meter.identity.upper() == wanted.upper()]
    if not found:
        found = [meter.id for meter in known if wanted in (meter.name, meter.identity[:8])]
    if len(found) != 1:
        raise HeadEndError(
            f"{len(found)} meters are {wanted[:80]!r}: name one by its 16 digits"
            if found
            else f"there is no meter {wanted[:80]!r}"
        )
    return found[0]
