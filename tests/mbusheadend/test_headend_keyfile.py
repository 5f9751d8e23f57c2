"""Keys of encrypted meters from a CSV file."""

from pathlib import Path

from mbusheadend.keyfile import import_keys, read_keys
from mbusheadend.state import open_store
from support.headend_messages import SERIAL, START, batch, enrol, reading
from support.headend_meters import ADDRESS, ENERGY, KEY, METER, OTHER, encrypted, number_of, telegram

WORD = KEY.hex().upper()


def test_a_meter_is_named_as_in_a_list_of_meters() -> None:
    found = read_keys(
        f"key;identification;manufacturer\r\n{WORD};12345678;KAM\r\n0x{WORD.lower()};345678;\r\n".encode()
    )
    assert [(one.line, str(one.address), one.key) for one in found.keys] == [
        (2, "123456782D2CFFFF", KEY),
        (3, "00345678FFFFFFFF", KEY),
    ]
    assert found.report.problem_count == 0


def test_what_is_wrong_is_told_without_any_key() -> None:
    lines = (
        "secondary_address,primary_address,key",
        f"{ADDRESS},,{WORD[:-2]}",
        f"{ADDRESS},,",
        f",5,{WORD}",
        f",,{WORD}",
        f"{ADDRESS[:-1]},,{WORD}",
        f"{ADDRESS},,{WORD},more",
        f"{WORD},,{ADDRESS}",
    )
    found = read_keys("\r\n".join(lines).encode())
    assert found.keys == ()
    told = [str(problem) for problem in found.report.problems]
    assert [text.split(":")[0] for text in told[:4]] == [
        "line 2, key", "line 3, key", "line 4", "line 5",
    ]  # fmt: skip
    assert {int(text.split()[1].strip(":,")) for text in told} == set(range(2, 9))
    assert not [text for text in told if WORD[:8] in text.upper()]
    assert KEY.hex() not in repr(read_keys(f"secondary_address,key\n{ADDRESS},{WORD}".encode()))


async def test_what_came_before_is_decoded_with_the_key_and_the_rest_is_told(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    await enrol(store)
    readings = (reading(1, ADDRESS, [encrypted(5, 1)]), reading(2, str(OTHER), [telegram(OTHER)]))
    await store.take(SERIAL, batch(*readings), START)
    lines = ("secondary_address,key", f"{METER},{WORD}", f"99999999,{WORD}")
    told: list[tuple[int, int]] = []
    outcome = await import_keys(
        store, read_keys("\n".join(lines).encode()), lambda done, of: told.append((done, of))
    )
    assert (outcome.stored, outcome.changed) == (1, 1)
    assert [str(problem) for problem in outcome.problems] == [
        "line 3: no meter of this address is known here"
    ]
    assert told == [(1, 2), (2, 2)]
    meter = await number_of(store)
    assert (await store.latest([meter]))[meter].value(ENERGY) == 5000
    store.close()
