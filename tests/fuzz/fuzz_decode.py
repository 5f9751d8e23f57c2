"""An atheris target: any bytes through the stream decoder and the telegram decoder give a result or an error of our tree.

``python tests/fuzz/fuzz_decode.py --seconds 60`` runs it with coverage guidance and exits 0 when nothing else was raised.
"""

import argparse
import sys
from contextlib import suppress

import atheris

with atheris.instrument_imports(include=["mbus"]):
    from mbus.application.as_json import dumps, telegram_as_json
    from mbus.application.telegram import decode_telegram
    from mbus.errors import MBusError
    from mbus.link.decoder import Dropped, StreamDecoder
    from mbus.link.frames import LongFrame

KEY = bytes(range(16))
HEADER = bytes.fromhex("785634122D2C080401000000")
MAX_DATA = 252


def decode(frame: LongFrame) -> None:
    """Decode and write as JSON, which walks through all of the result."""
    dumps(telegram_as_json(decode_telegram(frame, key=KEY)))


def one_input(data: bytes) -> None:
    """Use one input as a stream in two chunkings, as a frame, as user data of any CI field, and as records."""
    middle = len(data) // 2
    whole, parts = StreamDecoder(), StreamDecoder()
    events = whole.feed(data) + whole.flush()
    pieces = parts.feed(data[:middle]) + parts.feed(data[middle:]) + parts.flush()
    frames = [event for event in events if not isinstance(event, Dropped)]
    if frames != [event for event in pieces if not isinstance(event, Dropped)]:
        raise AssertionError("another chunking gives other frames")
    for frame in frames:
        if isinstance(frame, LongFrame):
            decode(frame)
    with suppress(MBusError):
        decode_telegram(data)
    if len(data) >= 3:
        decode(LongFrame(data[0], data[1], data[2], data[3 : 3 + MAX_DATA]))
    decode(LongFrame(0x08, 1, 0x72, HEADER + data[:MAX_DATA]))


def main() -> None:
    """Run for the seconds that were asked for."""
    parser = argparse.ArgumentParser(description="Fuzzes the decoders.")
    parser.add_argument("--seconds", type=int, default=60)
    arguments = parser.parse_args()
    atheris.Setup(
        [sys.argv[0], f"-max_total_time={arguments.seconds}", "-max_len=300", "-verbosity=0"], one_input
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
