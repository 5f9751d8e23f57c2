"""Decoding one telegram at a time to full records, against pyMeterBus in the same process (DESIGN 6).

Both get the recorded telegrams that pyMeterBus can decode, as bytes of whole frames, and turn each into all its records with
values. Run it: ``python -m bench.decode``.
"""

import statistics
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import meterbus

from bench.effort import Effort
from bench.figure import Figure
from mbus.application.layout import column_of, dib_of
from mbus.application.telegram import decode_telegram

TELEGRAMS = Path(__file__).resolve().parents[2] / "shared" / "telegrams" / "good"
REPEATS = 10
"""How often our side runs in one round, so that both sides are measured over a similar time."""


def corpus() -> list[bytes]:
    """Return the recorded frames that pyMeterBus decodes without an exception."""
    frames = (bytes.fromhex(path.read_text()) for path in sorted(TELEGRAMS.glob("*.hex")))
    return [frame for frame in frames if _theirs_can(frame)]


def _theirs(frame: bytes) -> int:
    return len(meterbus.load(frame).body.interpreted["records"])


def _theirs_can(frame: bytes) -> bool:
    try:
        _theirs(frame)
    except Exception:
        return False
    return True


def _ours(frame: bytes) -> int:
    return len(decode_telegram(frame).records)


def _forget() -> None:
    """Drop every block met before, as in a process that has just begun."""
    dib_of.cache_clear()
    column_of.cache_clear()


def _seconds(
    decode: Callable[[bytes], int],
    frames: Iterable[bytes],
    *,
    repeats: int = 1,
    before_each: Callable[[], None] = lambda: None,
) -> float:
    """Return seconds for one pass over the frames."""
    start = time.perf_counter()
    for _ in range(repeats):
        before_each()
        for frame in frames:
            decode(frame)
    return (time.perf_counter() - start) / repeats


def measure(rounds: int = 5) -> dict[str, float]:
    """Return telegrams per second of each side and the ratios: medians over alternating rounds.

    At first sight means: each pass over the frames begins with empty caches, so that every layout is a new one.
    """
    frames = corpus()
    seconds = [
        (
            _seconds(_theirs, frames),
            _seconds(_ours, frames, repeats=REPEATS),
            _seconds(_ours, frames, repeats=REPEATS, before_each=_forget),
        )
        for _ in range(rounds)
    ]
    theirs, ours, first = (statistics.median(column) for column in zip(*seconds, strict=True))
    return {
        "telegrams": len(frames),
        "pymeterbus_per_second": len(frames) / theirs,
        "mbus_per_second": len(frames) / ours,
        "mbus_first_sight_per_second": len(frames) / first,
        "ratio": theirs / ours,
        "ratio_first_sight": theirs / first,
    }


def figures(effort: Effort = Effort.FULL) -> list[Figure]:
    """Return the rows of this table."""
    rounds = effort.pick(5, 3, 1)
    found = measure(rounds)
    how = f"× pyMeterBus, {found['telegrams']:.0f} telegrams one at a time, median of {rounds}"
    return [
        Figure("decode to full records, first sight of a layout", found["ratio_first_sight"], 5, how, True),
        Figure("decode to full records, blocks met before", found["ratio"], None, how, True),
        Figure("telegrams a second", found["mbus_per_second"], None, "blocks met before", True),
    ]


if __name__ == "__main__":
    for name, figure in measure().items():
        print(f"{name:30} {figure:12,.1f}")
