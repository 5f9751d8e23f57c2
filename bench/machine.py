"""The machine that figures were taken on."""

import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Machine:
    """What one must know to compare figures.

    :ivar load: programs that wanted a core in the last minute, on average, when the table was begun.
    """

    when: str
    cores: int
    model: str
    system: str
    python: str
    load: float

    def __str__(self) -> str:
        cores = "one core" if self.cores == 1 else f"{self.cores} cores"
        return f"{self.when}, {cores} ({self.model}),\n{self.system}, {self.python}, load {self.load:.1f} before it"


def describe() -> Machine:
    """Describe this one, now."""
    return Machine(
        when=f"{datetime.now(UTC):%Y-%m-%d}",
        cores=len(os.sched_getaffinity(0)),
        model=_model(),
        system=f"{platform.system()} {platform.machine()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        load=round(os.getloadavg()[0], 2),
    )


def _model() -> str:
    # Processors of Arm have no line with a name.
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Model") and value.strip():
            return " ".join(value.split())
    return "unknown processor"
