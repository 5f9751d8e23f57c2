import itertools
from datetime import datetime, timedelta

import pytest

from mbus.addressing import SecondaryAddress
from mbus.application import commands
from mbus.application.header import identity_of
from mbus.application.telegram import Telegram, decode_telegram
from mbus.link.frames import LongFrame
from mbussim.model import Model, models
from mbussim.modelled import ModelledMeter
from mbussim.registers import ModelError

BEGAN = datetime(2026, 11, 22, 18, 0)


def meter(slug: str, *, seed: int = 1, identification: str = "12345678") -> ModelledMeter:
    return ModelledMeter(models()[slug], 5, identification, BEGAN, seed)


def read(of: ModelledMeter, now: float = 0) -> list[Telegram]:
    return [decode_telegram(frame, key=of._model.key) for frame in of.reading(now)]


def value(of: ModelledMeter, quantity: str, now: float = 0, storage: int = 0) -> object:
    return next(
        record.value
        for telegram in read(of, now)
        for record in telegram.records
        if (record.quantity, record.storage) == (quantity, storage)
    )


def tell(of: ModelledMeter, command: LongFrame, now: float = 0) -> None:
    assert of.obey(command, now)


def test_there_are_at_least_twelve_models_of_every_kind_of_meter() -> None:
    library = models().values()
    assert len(library) >= 12
    assert {0x02, 0x03, 0x04, 0x07, 0x08, 0x1B} <= {model.medium for model in library}
    assert len({model.manufacturer for model in library}) >= 9


@pytest.mark.parametrize("slug", models())
def test_every_telegram_of_a_model_decodes_without_an_error(slug: str) -> None:
    one = meter(slug)
    telegrams = read(one)
    assert [telegram.error for telegram in telegrams] == [None] * one.telegrams
    assert [telegram.more_follows for telegram in telegrams] == [True] * (one.telegrams - 1) + [False]
    assert all(telegram.records for telegram in telegrams)
    assert {telegram.address for telegram in telegrams} == {5}


@pytest.mark.parametrize("slug", models())
def test_a_model_can_be_simulated_at_any_time_and_for_any_seed(slug: str) -> None:
    for seed in range(5):
        one = meter(slug, seed=seed)
        for days in (0, 0.3, 29, 400):
            assert all(telegram.error is None for telegram in read(one, days * 86400))


@pytest.mark.parametrize("slug", models())
def test_the_header_names_the_meter_as_the_bus_knows_it(slug: str) -> None:
    one = meter(slug)
    assert all(identity_of(frame) == one.secondary for frame in one.reading(0))


@pytest.mark.parametrize("slug", models())
def test_values_move_with_time_and_are_the_same_for_the_same_seed(slug: str) -> None:
    def contents(seed: int, now: float) -> list[object]:
        return [record.value for telegram in read(meter(slug, seed=seed), now) for record in telegram.records]

    assert contents(1, 0) == contents(1, 0)
    assert contents(1, 0) != contents(1, 6 * 3600)
    assert contents(1, 0) != contents(2, 0)


def test_the_multical_603_sends_its_34_records_in_one_telegram() -> None:
    (telegram,) = read(meter("multical-603"))
    assert len(telegram.records) == 34
    assert len(telegram.frame.to_bytes()) <= 261


def test_the_abb_meter_sends_three_telegrams() -> None:
    assert [telegram.more_follows for telegram in read(meter("abb-b23"))] == [True, True, False]


def test_the_fixed_structure_carries_two_counters_in_litres_one_of_them_stored() -> None:
    (telegram,) = read(meter("fixed-water"))
    assert (telegram.ci, len(telegram.frame.data)) == (0x73, 16)
    assert [(record.quantity, record.unit, record.storage) for record in telegram.records] == [
        ("volume", "m³", 0),
        ("volume", "m³", 1),
    ]


def test_the_encrypted_meter_is_read_with_its_test_key_and_not_without() -> None:
    one = meter("encrypted-water")
    (frame,) = one.reading(0)
    assert decode_telegram(frame, key=bytes(range(16))).records[0].quantity == "volume"
    assert decode_telegram(frame).error is not None


def test_counters_only_grow() -> None:
    one = meter("multical-603")
    energies = [value(one, "energy", hours * 3600) for hours in range(0, 72, 3)]
    assert energies == sorted(energies)  # type: ignore[type-var]
    assert energies[0] != energies[-1]


def test_the_stored_value_is_what_the_counter_had_at_the_first_of_the_month() -> None:
    one = meter("multical-603")
    month = (datetime(2026, 12, 1) - BEGAN).total_seconds()
    assert value(one, "date", storage=1) == "2026-11-01"
    assert value(one, "date", month + 60, storage=1) == "2026-12-01"
    assert value(one, "energy", month + 5 * 86400, storage=1) == value(one, "energy", month)


def test_the_temperature_difference_is_the_difference_of_the_temperatures() -> None:
    one = meter("multical-403")
    assert value(one, "temperature_difference") == value(one, "flow_temperature") - value(
        one, "return_temperature"
    )  # type: ignore[operator]


def test_the_clock_runs() -> None:
    one = meter("multical-603")
    assert value(one, "date_time") == "2026-11-22T18:00:00"
    assert value(one, "date_time", 3600) == "2026-11-22T19:00:00"


def test_the_access_number_counts_each_telegram_modulo_256() -> None:
    one = meter("abb-b23")
    numbers = [
        telegram.header.access_number
        for _ in range(90)
        for telegram in read(one)
        if telegram.header is not None
    ]
    assert all((after - before) % 256 == 1 for before, after in itertools.pairwise(numbers))


def test_some_meters_of_a_model_have_a_condition_in_status_and_info_code() -> None:
    meters = [meter("multical-603", identification=f"{number:08d}") for number in range(300)]
    low = [one for one in meters if one.status & 0x04]
    assert 3 <= len(low) <= 40
    (telegram,) = read(low[0])
    assert telegram.header is not None
    assert telegram.header.status == 0x04
    assert next(record for record in telegram.records if record.vib == b"\xff\x22").value == 8
    alarm = low[0].alarm(0)
    assert alarm is not None
    assert (alarm.ci, alarm.data) == (0x71, b"\x04")
    assert meters[0].alarm(0) is None or meters[0].status


def test_its_primary_address_can_be_set_and_an_impossible_one_is_ignored() -> None:
    one = meter("multical-603")
    tell(one, commands.set_primary(5, 17))
    assert one.primary == 17
    tell(one, LongFrame(0x53, 17, 0x51, b"\x01\x7a\xfd"))
    assert one.primary == 17


def test_its_identification_and_its_whole_secondary_address_can_be_set() -> None:
    one = meter("multical-603")
    tell(one, commands.set_identification(5, "87654321"))
    assert str(one.secondary) == "876543212D2C3504"
    new = SecondaryAddress.from_text("11223344A5110107")
    tell(one, commands.set_secondary(5, new))
    assert one.secondary == new
    assert identity_of(one.reading(0)[0]) == new


def test_wildcards_and_rubbish_do_not_become_an_address() -> None:
    one = meter("multical-603")
    before = one.secondary
    for data in (
        b"\x07\x79" + b"\xff" * 8,
        b"\x0c\x79\x01",
        b"\x0c",
        b"",
        b"\x04\x6d\xff\xff\xff\xff",
        b"\x02\x6c\x00\x00",
    ):
        tell(one, LongFrame(0x53, 5, 0x51, data))
    assert one.secondary == before
    assert value(one, "date_time") == "2026-11-22T18:00:00"


def test_its_clock_and_its_date_can_be_set() -> None:
    one = meter("multical-603")
    tell(one, commands.set_clock(5, datetime(2030, 1, 2, 3, 4)), now=600)
    assert value(one, "date_time", 660) == "2030-01-02T03:05:00"
    tell(one, LongFrame(0x53, 5, 0x51, b"\x02\x6c" + bytes.fromhex("5C37")), now=660)
    assert value(one, "date_time", 660) == "2026-07-28T03:05:00"


def test_a_model_that_does_not_know_a_service_acknowledges_and_ignores_it() -> None:
    one = meter("fixed-water")
    tell(one, commands.set_identification(5, "87654321"))
    assert one.secondary.identification == "12345678"


def test_a_set_of_data_can_be_selected_and_reset() -> None:
    one = meter("heat-cost-allocator")
    assert len(read(one)[0].records) == 6
    tell(one, commands.application_reset(5, 0x50))
    assert len(read(one)[0].records) == 2
    tell(one, commands.application_reset(5))
    assert len(read(one)[0].records) == 6
    tell(one, commands.application_reset(5, 0x30))
    assert len(read(one)[0].records) == 6


def test_records_can_be_selected_for_readout_and_all_be_asked_for_again() -> None:
    one = meter("flowiq-2101")
    tell(one, commands.select_records(5, b"\x08\x13\x08\x6d"))
    assert {record.vib for record in read(one)[0].records} == {b"\x13", b"\x6d"}
    tell(one, commands.request_readout(5))
    assert len(read(one)[0].records) == 19
    tell(one, LongFrame(0x53, 5, 0x51, b"\x08\xff"))
    tell(one, commands.application_reset(5))
    assert len(read(one)[0].records) == 19


def test_an_unknown_command_is_reported_once_by_a_model_that_reports_errors() -> None:
    one = meter("pulse-adapter")
    tell(one, LongFrame(0x53, 5, 0xA0))
    assert (one.reading(0)[0].ci, one.reading(0)[0].ci) == (0x70, 0x72)


def test_a_model_with_enhanced_selection_has_a_number_of_its_own() -> None:
    one = meter("multical-603")
    assert one.fabrication is not None
    assert one.fabrication != one.secondary.identification
    assert value(one, "fabrication_number") == int(one.fabrication)
    assert meter("gas-bk-g4").fabrication is None


MINIMAL = 'name = "x"\nmanufacturer = "KAM"\nversion = 1\nmedium = 4\n'


@pytest.mark.parametrize(
    "text",
    ["", "name = 3", "][", MINIMAL + 'obeys = ["gravity"]', MINIMAL + "[[telegram]]\nrecords = [{ vib = '06' }]",
     MINIMAL + "[[telegram]]\nrecords = [{ vib = 'zz', counter = 1 }]", MINIMAL + "[traits]\ncolour = 3",
     MINIMAL + "[[telegram]]\nrecords = [{ vib = '06', stored = 'nothing' }]",
     MINIMAL + "[[telegram]]\nrecords = [{ vib = '6C', clock = 'never' }]",
     MINIMAL + "[fixed]\nmedium = 7\nunits = [1, 2]\ncounters = []", MINIMAL.replace("KAM", "K4M")],
)  # fmt: skip
def test_a_model_file_that_makes_no_sense_is_refused_by_name(text: str) -> None:
    with pytest.raises(ModelError, match="model broken"):
        Model.from_toml("broken", text)


def test_two_meters_of_a_model_differ_in_values_and_delay() -> None:
    first, second = meter("multical-603"), meter("multical-603", identification="12345679")
    assert value(first, "energy") != value(second, "energy")
    assert first.traits.delay != second.traits.delay
    assert timedelta(seconds=first.traits.delay) < timedelta(seconds=0.05)
