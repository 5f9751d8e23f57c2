"""The newest reading of each meter, completeness, tables, raw telegrams."""

from datetime import timedelta

import pytest

from mbus.addressing import SecondaryAddress
from mbus.application.header import Header
from mbus.link.frames import LongFrame
from mbusheadend.store import Store, UnknownError
from mbusheadend.store.viewing import Count
from mbusheadend.views.complete import days_of, gaps_of, masters_complete, meters_complete, share
from mbusheadend.views.latest import latest_of
from mbusheadend.views.raw import reading_of, telegrams_of
from mbusheadend.views.registers import named, shown_first
from mbusheadend.views.table import cursor_of, cursor_text, readings_table
from support.headend_messages import START, batch, enrol, reading
from support.headend_meters import ADDRESS, ENERGY, KEY, METER, encrypted, number_of, telegram
from support.headend_year import fill

DAY = timedelta(days=1)


async def test_the_newest_reading_says_its_age_and_what_matters_most(store: Store) -> None:
    await fill(store, START, START + DAY, slugs=("multical-403",), with_gaps=False)
    (one,) = await latest_of(store, await store.meters(), START + DAY)
    assert one.age is not None
    assert timedelta(minutes=59) < one.age < timedelta(hours=1)
    assert [value.register.quantity for value in one.values] == ["energy", "flow_temperature", "volume"]
    assert one.status == ()


async def test_a_meter_without_a_reading_has_no_age(store: Store) -> None:
    await enrol(store)
    await store.take("M1", batch(reading(1, ADDRESS)), START)
    (one,) = await latest_of(store, await store.meters(), START)
    assert (one.reading, one.age, one.values) == (None, None, ())


async def test_registers_are_found_by_name_in_the_order_of_the_names(store: Store) -> None:
    await fill(store, START, START + timedelta(hours=2), slugs=("multical-403",))
    registers = await store.registers((await store.meters())[0].id)
    found = named(registers, ["volume [m³]", "nothing", "energy [Wh]", "volume [m³]"])
    assert [one.quantity for one in found] == ["volume", "energy"]
    assert shown_first(()) == ()


async def test_completeness_is_added_up_by_master_and_given_by_meter(store: Store) -> None:
    await fill(store, START, START + 2 * DAY, slugs=("multical-403", "flowiq-2101"))
    edges = days_of(START, START + 2 * DAY, "UTC")
    meters = await meters_complete(store, await store.meters(), edges)
    masters = await masters_complete(store, await store.masters(), edges)
    (_master, whole), *others = masters.masters
    assert not others
    assert whole.total.expected == 96
    assert whole.total.received == sum(one.total.received for _, one in meters.meters) < 96
    assert len(whole.days) == 2
    missing = 0
    for meter in await store.meters():
        missing += sum(one.gap.slots for one in await gaps_of(store, meter.id, START, START + 2 * DAY))
    assert missing == 96 - whole.total.received


async def test_of_a_master_without_schedules_nothing_is_expected(store: Store) -> None:
    await enrol(store)
    table = await masters_complete(store, await store.masters(), days_of(START, START + DAY, "UTC"))
    assert table.masters[0][1].total == Count(0, 0, 0)
    assert share(table.masters[0][1].total) is None


def test_the_last_day_ends_where_the_time_ends() -> None:
    edges = days_of(START, START + DAY + timedelta(hours=5), "UTC")
    assert edges == (START, START + DAY, START + DAY + timedelta(hours=5))
    with pytest.raises(ValueError, match="days"):
        days_of(START, START + 500 * DAY, "UTC")


async def test_a_table_has_the_newest_reading_first_and_leads_to_older_ones(store: Store) -> None:
    await fill(store, START, START + DAY, slugs=("multical-403",), with_gaps=False)
    meter = (await store.meters())[0].id
    first = await readings_table(store, meter, (ENERGY,), START, START + DAY, limit=20)
    assert len(first.rows) == 20
    assert first.rows[0].reading.taken > first.rows[-1].reading.taken
    assert first.rows[0].own is not None
    second = await readings_table(
        store, meter, (ENERGY,), START, START + DAY, cursor_of(cursor_text(first.after)), 20
    )
    assert (len(second.rows), second.after) == (4, None)


@pytest.mark.parametrize("text", ["", "1", "-", "a-b", "1-2-3", "9" * 20 + "-1", "1-−2"])
def test_what_is_no_cursor_is_none(text: str) -> None:
    assert cursor_of(text) is None


async def test_a_reading_shows_its_telegrams_and_their_records(store: Store) -> None:
    await enrol(store)
    await store.take("M1", batch(reading(1, ADDRESS, [telegram(energy=7)])), START)
    found = await reading_of(store, await number_of(store), START, f"{1:032x}")
    (shown,) = telegrams_of(found)
    assert "".join(shown.frame) == telegram(energy=7).hex().upper()
    assert [record.value for record in shown.records] == [7000]
    with pytest.raises(UnknownError):
        await reading_of(store, await number_of(store), START, "0" * 32)


async def test_an_encrypted_telegram_shows_what_its_key_opened(store: Store) -> None:
    await enrol(store)
    await store.take("M1", batch(reading(1, ADDRESS, [encrypted(9, 1)])), START)
    meter = await number_of(store)
    await store.set_key(meter, KEY)
    await store.redecode_meter(meter)
    (shown,) = telegrams_of(await reading_of(store, meter, START, f"{1:032x}"))
    assert shown.records == ()
    assert shown.decoded is not None
    assert [one.value for one in shown.decoded.values] == [9000]


async def test_passwords_are_hidden_wherever_they_stand(store: Store) -> None:
    # VIF FD 16: password (EN 13757-3).
    data = Header(METER, 1, 0, 0).to_bytes() + bytes.fromhex("04fd1611223344") + bytes.fromhex("040611223344")
    frame = LongFrame(0x08, 1, 0x72, data).to_bytes()
    await enrol(store)
    await store.take("M1", batch(reading(1, str(SecondaryAddress.from_text(ADDRESS)), [frame])), START)
    (shown,) = telegrams_of(await reading_of(store, await number_of(store), START, f"{1:032x}"))
    text = "".join(shown.frame)
    assert "04FD16********" in text
    assert "040611223344" in text
