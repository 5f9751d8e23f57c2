"""Settings of many masters: tried, then set where they are still the same."""

from typing import Any

import pytest

from mbusheadend.fleet.settings_desk import Progress, SettingsDesk
from mbusheadend.fleet.settings_order import SettingsForFleet
from mbusheadend.store import Store, StoreRefusedError
from mbushosting.contact import CommandKind, CommandResult
from mbushosting.fleet_settings import SettingChange, SettingsAnswer
from support.headend_messages import LATER, START, contact, enrol

LEVEL = {"log.level": "debug"}
CHANGE = SettingChange(path="log.level", old="info", new="debug", needs_restart=True)


@pytest.fixture
def desk(store: Store) -> SettingsDesk:
    return SettingsDesk(store, lambda: START)


async def answers(store: Store, serial: str, answer: SettingsAnswer | str, outcome: str = "done") -> None:
    """Let a master say this to everything that it is asked."""
    detail = answer if isinstance(answer, str) else answer.as_detail()
    results = [
        CommandResult.model_validate({"id": one.id, "outcome": outcome, "detail": detail})
        for one in (await store.orders(serial, 0, "", START)).commands
    ]
    await store.note_contact(serial, contact(serial, settings="on", results=tuple(results)), START)


async def progress(desk: SettingsDesk, order: SettingsForFleet) -> dict[str, Progress]:
    return {one.serial: one.progress for one in await desk.progress(order)}


async def test_what_would_change_is_asked_first_and_set_with_the_version_seen(
    store: Store, desk: SettingsDesk
) -> None:
    await enrol(store, "M1", "M2")
    order = await desk.try_out(LEVEL, ["M1", "M2"], who="anna")
    assert await store.fleet_settings(order.id) == order
    (command,) = (await store.orders("M1", 0, "", START)).commands
    assert (command.kind, command.expires) == (CommandKind.SETTINGS, LATER)
    assert command.settings is not None
    assert command.settings.dry_run
    await answers(store, "M1", SettingsAnswer(version="a1", changes=(CHANGE,)))
    await answers(store, "M2", SettingsAnswer(version="b2"))
    assert await progress(desk, order) == {"M1": Progress.TRIED, "M2": Progress.NOTHING}
    assert await desk.set_for_good(order.id, None) == 1
    (command,) = (await store.orders("M1", 0, "", START)).commands
    assert command.settings is not None
    assert (command.settings.dry_run, command.settings.seen) == (False, "a1")
    assert (await progress(desk, order))["M1"] is Progress.SETTING
    await answers(store, "M1", SettingsAnswer(version="a2", changes=(CHANGE,), applied=True))
    assert (await progress(desk, order))["M1"] is Progress.SET
    assert await desk.set_for_good(order.id, None) == 0


@pytest.mark.parametrize(
    ("answer", "outcome", "found"),
    [
        (SettingsAnswer(version="1", changed_since=True), "refused", Progress.CHANGED),
        (
            SettingsAnswer(version="1", changes=(SettingChange(path="x", refused="no"),)),
            "refused",
            Progress.REFUSED,
        ),
        ("the settings of this master are not set from the head-end", "refused", Progress.REFUSED),
        ("see the log of the master", "failed", Progress.REFUSED),
    ],
)
async def test_a_master_that_does_not_is_told_apart(
    store: Store, desk: SettingsDesk, answer: SettingsAnswer | str, outcome: str, found: Progress
) -> None:
    await enrol(store, "M1")
    order = await desk.try_out(LEVEL, ["M1"])
    assert (await progress(desk, order))["M1"] is Progress.WAITING
    await answers(store, "M1", answer, outcome)
    assert (await progress(desk, order))["M1"] is found
    assert await desk.set_for_good(order.id, None) == 0


async def test_masters_that_know_no_such_orders_are_not_asked(store: Store, desk: SettingsDesk) -> None:
    await enrol(store, "M1", "M2")
    await store.note_contact("M1", contact("M1"), START)
    order = await desk.try_out(LEVEL, (), everybody=True)
    assert await progress(desk, order) == {"M1": Progress.TOO_OLD, "M2": Progress.WAITING}
    await store.delete_master("M2", START)
    assert (await progress(desk, order))["M2"] is Progress.GONE


async def test_some_are_set_before_the_others(store: Store, desk: SettingsDesk) -> None:
    serials = [f"M{number}" for number in range(5)]
    await enrol(store, *serials)
    for serial in serials:
        await store.set_master(serial, name="", groups=("north",))
    order = await desk.try_out(LEVEL, (), groups=("north",))
    for serial in serials:
        await answers(store, serial, SettingsAnswer(version="a1", changes=(CHANGE,)))
    assert await desk.set_for_good(order.id, ["M3"]) == 1
    assert await desk.set_for_good(order.id, None, 2) == 2
    assert list((await progress(desk, order)).values()).count(Progress.TRIED) == 2


@pytest.mark.parametrize("values", [{"no path": 1}, {}, {f"a.b{number}": 1 for number in range(17)}])
async def test_what_is_no_order_is_refused(store: Store, desk: SettingsDesk, values: dict[str, Any]) -> None:
    await enrol(store, "M1")
    with pytest.raises(StoreRefusedError):
        await desk.try_out(values, ["M1"])
    with pytest.raises(StoreRefusedError):
        await desk.try_out(LEVEL, ["nobody"])
