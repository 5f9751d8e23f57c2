"""``mbus scan``: find the meters on a bus."""

import argparse
import asyncio
import sys
from dataclasses import dataclass, field
from typing import Any, Final

from mbus.addressing import SecondaryAddress
from mbus.application.as_json import dumps, telegram_as_json
from mbus.application.telegram import decode_telegram
from mbus.procedures.counters import Counters
from mbus.procedures.found import Found, FoundMeter, Progress, Unclear
from mbus.procedures.search_primary import search_primary
from mbus.procedures.search_secondary import search_secondary
from mbus.procedures.steps import Note
from mbusio.cli.progress import ProgressBar
from mbusio.cli.session import open_line
from mbusio.csvtext import CsvWriter
from mbusio.driver import run as run_procedure
from mbusio.line import Line
from mbusio.shared import bus_of

COLUMNS: Final = (
    "primary",
    "secondary_address",
    "id",
    "manufacturer",
    "version",
    "medium",
    "medium_code",
    "baud",
    "remark",
)
THOROUGH_TRIES: Final = 3
"""Requests to each primary address of a thorough search."""

_NOBODY: Final = dict.fromkeys(("id", "manufacturer", "version", "medium", "medium_code"))


@dataclass(slots=True)
class Findings:
    """What a scan has found so far, of use also when it is stopped."""

    meters: list[FoundMeter] = field(default_factory=list)
    unclear: list[Unclear] = field(default_factory=list)
    line: Line | None = None
    counters: Counters = field(default_factory=Counters)
    complete: bool = False


def run(options: argparse.Namespace) -> int:
    """Search, and show what was found also when the search is stopped."""
    findings = Findings()
    output = _output(options)
    try:
        with ProgressBar(shown=not options.trace) as bar:
            asyncio.run(_scan(options, findings, output, bar))
        findings.complete = True
    finally:
        output.end(findings)
    return 0


async def _scan(options: argparse.Namespace, findings: Findings, output: "Output", bar: ProgressBar) -> None:
    async with open_line(options.url, baud=options.baud, trace=options.trace) as line:
        findings.line = line
        bus = bus_of(line)
        findings.counters = bus.counters

        def watch(note: Note) -> None:
            match note:
                case Found(meter=meter) if not _is_known(meter, findings.meters):
                    findings.meters.append(meter)
                    output.meter(meter, line.baud)
                case Unclear():
                    findings.unclear.append(note)
                case Progress(done=done, left=left, meters=_, at=at):
                    bar.update(f"{len(findings.meters)} found, {at}", done, left)

        if options.primary is not None:
            first, last = options.primary
            tries = THOROUGH_TRIES if options.thorough else 1
            await run_procedure(search_primary(first, last, tries=tries), bus, watch=watch)
        if options.secondary is not None or options.primary is None:
            mask = options.secondary or SecondaryAddress()
            doubts = line.doubts
            await run_procedure(search_secondary(mask, thorough=options.thorough), bus, watch=watch)
            if line.doubts > doubts:
                # Some of the silences were answers that came too late: ask again, and wait for them.
                print(
                    "mbus: answers came late, another client may be using the bus; searching again",
                    file=sys.stderr,
                )
                line.known_allowance = line.transport.allowance
                known = [meter.secondary for meter in findings.meters if meter.secondary is not None]
                await run_procedure(
                    search_secondary(mask, known=known, thorough=options.thorough), bus, watch=watch
                )


def _is_known(meter: FoundMeter, meters: list[FoundMeter]) -> bool:
    """Tell whether another search of the same scan has found this meter."""
    return meter.secondary is not None and any(meter.secondary == other.secondary for other in meters)


class Output:
    """Shows meters as they are found, and the sum in the end."""

    def meter(self, meter: FoundMeter, baud: int) -> None:
        """A meter was found just now."""

    def end(self, findings: Findings) -> None:
        """The search is over, or was stopped."""


class JsonOutput(Output):
    """One object in the end."""

    def __init__(self) -> None:
        self._meters: list[dict[str, object]] = []

    def meter(self, meter: FoundMeter, baud: int) -> None:
        """Keep it for the end."""
        self._meters.append(meter_as_json(meter, baud))

    def end(self, findings: Findings) -> None:
        """Print meters and cost; nothing when the bus was never reached."""
        if findings.line is None:
            return
        counters = findings.counters
        cost = {name: getattr(counters, name) for name in ("select", "request", "nke", "silence", "garbled")}
        unclear = [{"primary": note.primary, "fault": str(note.fault)} for note in findings.unclear]
        print(
            dumps(
                {
                    "meters": self._meters,
                    "unclear": unclear,
                    "transactions": cost,
                    "bus_seconds": round(findings.line.busy_seconds, 3),
                    "complete": findings.complete,
                }
            )
        )


class CsvOutput(Output):
    """One row per meter."""

    def __init__(self) -> None:
        self._writer = CsvWriter(COLUMNS)

    def meter(self, meter: FoundMeter, baud: int) -> None:
        """Write a row."""
        self._writer.row(meter_as_json(meter, baud))


class TextOutput(Output):
    """One line per meter, a sum in the end."""

    _LINE = "{:>7}  {:16}  {:8}  {:4}  {:>7}  {:24}  {}"

    def __init__(self) -> None:
        self._has_title = False

    def meter(self, meter: FoundMeter, baud: int) -> None:
        """Print a line."""
        if not self._has_title:
            self._has_title = True
            print(
                self._LINE.format(
                    "primary", "secondary", "id", "man.", "version", "medium", "remark"
                ).rstrip()
            )
        shown = meter_as_json(meter, baud)
        names = ("primary", "secondary_address", "id", "manufacturer", "version", "medium", "remark")
        print(
            self._LINE.format(*("" if shown[name] is None else str(shown[name]) for name in names)).rstrip(),
            flush=True,
        )

    def end(self, findings: Findings) -> None:
        """Print what is unclear and the cost."""
        for note in findings.unclear:
            print(
                f"address {note.primary}: something answers unreadably ({note.fault}); several meters may share it"
            )
        if findings.line is None:
            return
        count = len(findings.meters)
        counters = findings.counters
        transactions = counters.select + counters.request + counters.nke
        print(
            f"{count} meter{'' if count == 1 else 's'}, {transactions} requests, "
            f"{findings.line.busy_seconds:.1f} s on the bus{'' if findings.complete else ', stopped before the end'}"
        )


def _output(options: argparse.Namespace) -> Output:
    if options.json:
        return JsonOutput()
    return CsvOutput() if options.csv else TextOutput()


def meter_as_json(meter: FoundMeter, baud: int) -> dict[str, object]:
    """Return a meter as an object with the keys `COLUMNS`."""
    header: dict[str, Any] = {}
    if meter.reply is not None:
        shown: Any = telegram_as_json(decode_telegram(meter.reply))["header"]
        header = shown or {}
    identity = {name: header.get(name) for name in _NOBODY}
    return {
        "primary": meter.primary,
        "secondary_address": None if meter.secondary is None else str(meter.secondary),
        **identity,
        "baud": baud,
        "remark": meter.remark,
    }
