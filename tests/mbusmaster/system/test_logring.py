import logging
import sys
import threading
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from mbusmaster.system.logring import LINE_OVERHEAD, LONGEST_LINE, KeptLog, LogLine


def ring(*texts: str, size: int = 10_000) -> KeptLog:
    ring = KeptLog(size)
    for text in texts:
        ring.add(1_700_000_000.5, logging.INFO, "mbusmaster.x", text)
    return ring


def texts(ring: KeptLog, **how: object) -> list[str]:
    return [line.text for line in ring.lines(**how)]  # type: ignore[arg-type]


def test_lines_come_back_in_order_with_time_level_and_name() -> None:
    line, other = ring("one", "two").lines()
    assert (line.number, other.number) == (1, 2)
    assert line.at == datetime(2023, 11, 14, 22, 13, 20, 500_000, tzinfo=UTC)
    assert line.level == "info"
    assert str(line) == "2023-11-14T22:13:20.500Z INFO    mbusmaster.x: one"


def test_the_oldest_lines_make_room() -> None:
    full = ring(*(str(number) for number in range(100)), size=10 * (LINE_OVERHEAD + sys.getsizeof("99")))
    assert texts(full) == [str(number) for number in range(90, 100)]
    assert full.lines()[0].number == 91


def test_of_a_line_that_is_much_too_long_the_middle_is_left_out() -> None:
    (line,) = ring("begin" + "x" * 100_000 + "end").lines()
    assert len(line.text) == LONGEST_LINE + 1
    assert line.text.startswith("beginx")
    assert "x…x" in line.text
    assert line.text.endswith("xend")


@given(st.lists(st.text(max_size=500), max_size=60))
def test_whatever_is_logged_the_memory_is_bounded(written: list[str]) -> None:
    kept = ring(*written, size=5000).lines()
    assert sum(LINE_OVERHEAD + sys.getsizeof(line.text) for line in kept) <= 5000


def test_lines_are_found_by_level_text_and_number() -> None:
    kept = KeptLog(10_000)
    for weight, text in (
        (logging.DEBUG, "frame 10 40"),
        (logging.INFO, "Ready"),
        (logging.WARNING, "no answer of meter 5"),
        (logging.ERROR, "no LEVEL converter"),
    ):
        kept.add(0.0, weight, "mbusmaster.bus", text)
    assert texts(kept, least=logging.WARNING) == ["no answer of meter 5", "no LEVEL converter"]
    assert texts(kept, text="level CONV") == ["no LEVEL converter"]
    assert texts(kept, text=".BUS: rea") == ["Ready"]
    assert texts(kept, after=3) == ["no LEVEL converter"]
    assert texts(kept, limit=2) == ["no answer of meter 5", "no LEVEL converter"]
    assert texts(kept, limit=0) == texts(kept, text="nothing") == []


def test_several_threads_may_write_while_another_reads() -> None:
    kept = KeptLog(50_000)

    def write() -> None:
        for number in range(500):
            kept.add(0.0, logging.INFO, "x", str(number))

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(50):
        numbers = [line.number for line in kept.lines()]
        assert numbers == sorted(numbers)
    for thread in threads:
        thread.join()
    assert kept.lines()[-1].number == 2000


@given(st.integers(1, 10**12), st.sampled_from([10, 20, 25, 30, 40, 50]), st.text())
def test_a_line_that_was_written_is_read_back_as_it_was(number: int, weight: int, said: str) -> None:
    line = LogLine(number, datetime(2026, 11, 23, 1, 2, 3, 4000, tzinfo=UTC), weight, "mbusmaster.x", said)
    assert LogLine.from_written(line.written) == line


@given(st.text())
def test_what_is_no_line_is_none(text: str) -> None:
    line = LogLine.from_written(text)
    assert line is None or line.written.split() == text.split()


def test_older_lines_are_found_by_number() -> None:
    assert texts(ring("one", "two", "three"), before=3, limit=1) == ["two"]
