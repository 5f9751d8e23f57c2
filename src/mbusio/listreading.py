"""Reading the meters of a list, one after the other (guide 3.1.5, 5.1, 5.2).

Where this side sets the rate on the bus, a meter that is silent is asked at other rates too. Behind ``tcp://`` and ``tls://`` the
rate belongs to the master, and only the default one is used (guide 3.1.5).
"""

import contextlib
from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from mbus.addressing import SELECTED
from mbus.link.station import Stations
from mbus.link.timing import BAUD_RATES
from mbus.procedures.persistent import Known, Manner, ReadOutcome, Result, rates_between, read_meter
from mbus.procedures.read import release
from mbusio.driver import run
from mbusio.errors import BusIOError, GatewayError
from mbusio.line import Line
from mbusio.meterimport import ImportedMeter
from mbusio.shared import bus_of

MIN_BAUD: Final = 300
MAX_BAUD: Final = 19200
TIMEOUT: Final = 2.0
"""Seconds after which silence is believed."""
RETRIES: Final = 3
LONGEST_TIMEOUT: Final = 60.0
MOST_RETRIES: Final = 10


@dataclass(frozen=True, slots=True)
class Patience:
    """How a silent meter is asked again (guide 3.1.5). Raise `ValueError` for what makes no sense.

    :ivar min_baud: the lowest rate that may be tried, `max_baud` the highest.
    :ivar timeout: seconds after which silence is believed.
    :ivar retries: how often it is asked again at the default rate.
    """

    min_baud: int = MIN_BAUD
    max_baud: int = MAX_BAUD
    timeout: float = TIMEOUT
    retries: int = RETRIES

    def __post_init__(self) -> None:
        if self.min_baud not in BAUD_RATES or self.max_baud not in BAUD_RATES:
            raise ValueError(f"rates are {', '.join(map(str, BAUD_RATES))}")
        if self.min_baud > self.max_baud:
            raise ValueError(f"the lowest rate {self.min_baud} is above the highest rate {self.max_baud}")
        if not 0 < self.timeout <= LONGEST_TIMEOUT:
            raise ValueError(f"wait for more than 0 and at most {LONGEST_TIMEOUT:.0f} seconds")
        if not 0 <= self.retries <= MOST_RETRIES:
            raise ValueError(f"ask again 0 to {MOST_RETRIES} times")

    def manner(self, line: Line) -> Manner:
        """Give the manner of reading on a line, whose rate now is the default one."""
        rates: tuple[int, ...] = (line.baud,)
        if line.transport.switches_baud:
            rates += tuple(rate for rate in rates_between(self.min_baud, self.max_baud) if rate != line.baud)
        return Manner(line.baud, rates, self.timeout, self.retries)


@dataclass(frozen=True, slots=True)
class ListReading:
    """What came of one meter.

    :ivar taken: when that was known, UTC.
    """

    meter: ImportedMeter
    result: Result
    taken: datetime


async def read_list(
    line: Line, meters: Iterable[ImportedMeter], patience: Patience, now: Callable[[], datetime]
) -> AsyncGenerator[ListReading, None]:
    """Read the meters in their order; each is told as soon as it is known.

    A master that refuses a request gives `ReadOutcome.BUS_DOWN`. Raise `TransportClosedError` where the master is gone,
    `BaudError` where a rate cannot be set. In the end no meter stays selected, and the line has its rate again.
    """
    manner = patience.manner(line)
    bus = bus_of(line)
    stations = Stations()
    for meter in meters:
        known = None if meter.baud is None else Known(meter.baud)
        try:
            result = await run(read_meter(meter, manner, stations, known), bus)
        except GatewayError as error:
            stations.forget()
            result = Result(ReadOutcome.BUS_DOWN, 0, manner.baud, remark=str(error)[:256])
        yield ListReading(meter, result, now())
    with contextlib.suppress(BusIOError):
        if line.baud != manner.baud:
            await bus.set_baud(manner.baud)
        if stations.is_agreed(SELECTED):
            await run(release(stations), bus)
