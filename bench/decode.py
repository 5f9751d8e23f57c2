"""Decoding to full records against pyMeterBus and pymbusparser, and in batches, in the same process (DESIGN 6).

All get the recorded telegrams that pyMeterBus can decode, as bytes of whole frames, and turn each into all its records with
values. Where layouts are known, the meters, layouts and moments are those of the recordings, and all numbers are other ones in
each telegram: nobody gains from having met one before. Each layout's telegrams come one after the other, as meters of one kind
do. Run it: ``python -m bench.decode``.
"""

import gc
import random
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import meterbus
import pymbusparser

from bench.effort import Effort
from bench.figure import Figure
from mbus.application import header, layout, moments
from mbus.application.batch import decode_batch
from mbus.application.column import Column
from mbus.application.layout import How
from mbus.application.plans import PLANS
from mbus.application.telegram import decode_telegram, learn_layout
from mbus.link.frames import LongFrame, parse_frame

TELEGRAMS = Path(__file__).resolve().parents[2] / "shared" / "telegrams" / "good"
PASSES = 10
"""How often the fast sides run in one round, so that all are measured over a similar time."""
DISTINCT = 200
"""Different telegrams of one layout in a batch."""


def corpus() -> list[bytes]:
    """Return the recorded frames that pyMeterBus decodes without an exception."""
    frames = (bytes.fromhex(path.read_text()) for path in sorted(TELEGRAMS.glob("*.hex")))
    return [frame for frame in frames if _theirs_can(frame)]


def with_other_numbers(frame: bytes, seed: int) -> bytes:
    """Return a telegram of the same meter and layout with other numbers."""
    parsed = parse_frame(frame)
    if not isinstance(parsed, LongFrame) or (known := learn_layout(parsed)) is None:
        return frame
    chance = random.Random(seed)
    data = bytearray(parsed.data)
    for column in known.columns:
        place = slice(column.start, column.start + column.size)
        data[place] = _other(column, bytes(data[place]), chance)
    return LongFrame(parsed.control, parsed.address, parsed.ci, bytes(data)).to_bytes()


def _other(column: Column, raw: bytes, chance: random.Random) -> bytes:
    if column.how in (How.SIGNED, How.UNSIGNED, How.BITS):
        # The top byte stays: so numbers have the size that they had.
        return bytes((chance.randrange(1, 255), *raw[1:]))[: len(raw)]
    if column.how is How.BCD and raw.hex().isdecimal():
        return bytes((16 * chance.randrange(10) + chance.randrange(10), *raw[1:]))
    return raw


def _pymeterbus(frame: bytes) -> int:
    return len(meterbus.load(frame).body.interpreted["records"])


def _theirs_can(frame: bytes) -> bool:
    try:
        _pymeterbus(frame)
    except Exception:
        return False
    return True


def _ours(frame: bytes) -> int:
    return len(decode_telegram(frame).records)


def _forget() -> None:
    """Drop all that was met before, as in a process that has just begun."""
    PLANS.clear()
    for cache in (layout.dib_of, layout.column_of, header.address_of, moments.day_text):
        cache.cache_clear()


def _seconds(
    decode: Callable[[bytes], object],
    passes: Iterable[Sequence[bytes]],
    before_each: Callable[[], None] = lambda: None,
) -> float:
    """Return seconds of processor for a telegram."""
    total, count = 0.0, 0
    for frames in passes:
        before_each()
        start = time.process_time()
        for frame in frames:
            decode(frame)
        total += time.process_time() - start
        count += len(frames)
    return total / count


def _batches(size: int, frames: Sequence[bytes]) -> list[tuple[bytes, ...]]:
    """Return batches of one layout each, of all layouts that make a group.

    As tuples: a list of a million telegrams would cost those time who make many objects, at each collection of garbage.
    """
    made = []
    for frame in frames:
        distinct = [with_other_numbers(frame, seed) for seed in range(DISTINCT)]
        if not decode_batch(distinct).leftovers:
            made.append(tuple(distinct[number % DISTINCT] for number in range(size)))
    return made


def _batch_seconds(batches: Sequence[Sequence[bytes]]) -> float:
    """Return seconds of processor for a telegram: checksums, and every value of every record."""
    start = time.process_time()
    for frames in batches:
        for group in decode_batch(frames).groups:
            for place, values in enumerate(group.values):
                if values is None:
                    list(group.readings(place))
    return (time.process_time() - start) / sum(map(len, batches))


def measure(rounds: int = 5, size: int = 10_000) -> dict[str, float]:
    """Return telegrams per second of each side and the ratios: medians over alternating rounds.

    At first sight means: each pass over the frames begins with empty caches, so that every layout is a new one.
    """
    frames = corpus()
    passes = [[with_other_numbers(frame, seed) for frame in frames] for seed in range(PASSES)]
    by_layout = [tuple(one) for one in zip(*passes, strict=True)]
    batches = _batches(size, frames)
    # What the bench itself holds is nobody's garbage: collecting must not cost those most who make most objects.
    gc.collect()
    gc.freeze()
    seconds = []
    for number in range(rounds):
        first = _seconds(_ours, passes, _forget)
        _seconds(_ours, passes[:4])
        seconds.append(
            (
                _seconds(_pymeterbus, passes[number % PASSES : number % PASSES + 1]),
                _seconds(pymbusparser.parse, by_layout),
                first,
                _seconds(_ours, by_layout),
                _batch_seconds(batches),
            )
        )
    gc.unfreeze()
    theirs, parser, first, ours, batch = (statistics.median(column) for column in zip(*seconds, strict=True))
    return {
        "telegrams": len(frames),
        "layouts in batches": len(batches),
        "pyMeterBus a second": 1 / theirs,
        "pymbusparser a second": 1 / parser,
        "first sight a second": 1 / first,
        "known layout a second": 1 / ours,
        "batches a second": 1 / batch,
        "first sight × pyMeterBus": theirs / first,
        "known layout × pyMeterBus": theirs / ours,
        "known layout × pymbusparser": parser / ours,
        "batches × pyMeterBus": theirs / batch,
    }


def figures(effort: Effort = Effort.FULL) -> list[Figure]:
    """Return the rows of this table."""
    rounds, size = effort.pick(5, 3, 1), effort.pick(10_000, 2_000, 400)
    found = measure(rounds, size)
    median = f"median of {rounds}"
    alone = f"{found['telegrams']:.0f} telegrams one at a time, {median}"
    columns = f"{found['layouts in batches']:.0f} layouts × {size:,}, checksum and scaling included, {median}"
    known = "decode to full records, known layout"
    return [
        Figure(
            "decode to full records, first sight of a layout",
            found["first sight × pyMeterBus"],
            5,
            f"× pyMeterBus, {alone}",
            True,
        ),
        Figure(known, found["known layout × pyMeterBus"], 20, f"× pyMeterBus, {alone}", True),
        Figure(known, found["known layout × pymbusparser"], 4, f"× `parse()` of pymbusparser, {alone}", True),
        Figure(
            "decode batches of one layout",
            found["batches × pyMeterBus"],
            400,
            f"× pyMeterBus, {columns}",
            True,
        ),
        Figure("known layout", found["known layout a second"], None, f"telegrams a second, {alone}", True),
        Figure("first sight", found["first sight a second"], None, f"telegrams a second, {alone}", True),
        Figure("batches", found["batches a second"], None, f"telegrams a second, {columns}", True),
    ]


if __name__ == "__main__":
    for name, figure in measure().items():
        print(f"{name:30} {figure:12,.1f}")
