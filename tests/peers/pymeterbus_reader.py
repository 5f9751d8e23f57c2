"""Drives pyMeterBus: pymeterbus_reader.py PORT JOBS TIMEOUT BAUD.

PORT is what pyserial opens (``/dev/pts/3``, ``socket://127.0.0.1:2445``); JOBS a JSON list of ``["ping", ADDRESS]``,
``["read", ADDRESS]`` (primary number or secondary text) or ``["search"]``; TIMEOUT the seconds to wait for an answer; BAUD
the rate of a serial port.
Prints one JSON line per job, as the libmbus reader beside it does.
"""

import json
import sys
import time
from typing import Any

import meterbus
import serial

QUIET = 0.1
"""Seconds of silence after which an acknowledgement stands alone."""


class Reader:
    """What the package's scripts do with its library; the scripts themselves cannot be started."""

    def __init__(self, port: Any) -> None:
        self._port = port

    def ping(self, address: int) -> bool:
        meterbus.send_ping_frame(self._port, address)
        answer = self._receive(1)
        return bool(answer) and isinstance(meterbus.load(answer), meterbus.TelegramACK)

    def read(self, address: int | str) -> Any:
        if isinstance(address, str):
            meterbus.send_select_frame(self._port, address)
            meterbus.load(self._receive(1))
            address = meterbus.ADDRESS_NETWORK_LAYER
        meterbus.send_request_frame_multi(self._port, address)
        return json.loads(meterbus.load(self._receive(meterbus.FRAME_DATA_LENGTH)).to_JSON())["body"]

    def search(self, mask: str = "F" * 16, position: int = 0) -> list[str]:
        found: list[str] = []
        for digit in "0123456789":
            narrower = mask[:position] + digit + mask[position + 1 :]
            meterbus.send_select_frame(self._port, narrower)
            answer = self._receive(1)
            if answer is None:
                continue
            if answer is False or self._more():
                found += self.search(narrower, position + 1) if position < 7 else []
                continue
            meterbus.send_request_frame(self._port, meterbus.ADDRESS_NETWORK_LAYER)
            frame = self._receive(meterbus.FRAME_DATA_LENGTH)
            if frame and not self._more():
                found.append(meterbus.load(frame).secondary_address)
            elif position < 7:
                found += self.search(narrower, position + 1)
        return found

    def _receive(self, length: int) -> Any:
        answer = meterbus.recv_frame(self._port, length)
        if answer is False:
            self._more()
        return answer

    def _more(self) -> bytes:
        # Not by another timeout: pyserial would set up the port anew, which a pty refuses while parity is asked for.
        time.sleep(QUIET)
        rest = b""
        while self._port.in_waiting:
            rest += self._port.read(self._port.in_waiting)
        return rest


def main() -> None:
    where, jobs, timeout, baud = sys.argv[1], json.loads(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    settings: dict[str, Any] = {} if "://" in where else {"baudrate": baud, "parity": "E"}
    with serial.serial_for_url(where, timeout=timeout, **settings) as port:
        reader = Reader(port)
        for verb, *arguments in jobs:
            line: dict[str, Any] = {"job": [verb, *arguments]}
            try:
                line["result"] = getattr(reader, verb)(*arguments)
            except Exception as error:
                line["error"] = f"{type(error).__name__}: {error}"
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
