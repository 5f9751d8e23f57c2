"""``python -m bench.prompt_bus LINK N BAUD``: plain meters that answer at the first lawful moment, behind a pty, in real time.

The physical bound speaks of such meters; the models of `mbussim serve` take their time like real ones.
"""

import asyncio
import sys
from pathlib import Path

from mbussim.bus import Bus
from mbussim.installation import Installation
from mbussim.meter import Meter, plain_meters
from mbussim.population import population
from mbussim.serving.app import Serving, serve


def _no_more(model: str, primary: int | None, secondary: str | None) -> Meter:
    raise ValueError("this bus takes no more meters")


def main() -> None:
    """Serve until SIGTERM."""
    link, count, baud = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    bus = Bus.of(plain_meters(population(count, "random", 1)))
    serving = Serving(tcp=None, pty=link, control="127.0.0.1:0", baud=baud)
    asyncio.run(serve(serving, Installation(bus), _no_more))


if __name__ == "__main__":
    main()
