"""Which meters are on the buses: the list, the scans that fill it, what is expected, and what is the matter with who is silent.

================ =================================================================================================
`meter`          one row; `sighting` what a search saw; `merge` which row that belongs to
`meters`         the list; `query` sorting, filtering, paging
`database`       its file; `rows` rows as meters
`csvfile`        the list as a file; `entry` one checked line of it; `importing` what it would change
`expected`       the meters that should be there; `commissioning` expected against found
`diagnosis`      why a meter does not answer
`job`            one scan or check and how far it is; `work` and `checker` carry it out, on a `conversation` with the bus
`scanner`        starts jobs, one per bus
================ =================================================================================================

No value that a meter measures is kept here: who it is, and its fabrication number.
"""

from mbusio.meterfile import ImportReport, Problem
from mbusmaster.meterlist.commissioning import Commissioning, Difference, Item, Kind, commissioning
from mbusmaster.meterlist.entry import ReadFile, read_file
from mbusmaster.meterlist.errors import ListFullError, MeterListError, MeterRefusedError
from mbusmaster.meterlist.expected import ExpectedMeter, ExpectedMeters
from mbusmaster.meterlist.job import JobState, Mode, Phase, Progress, ScanJob, Task
from mbusmaster.meterlist.meter import Meter, Rate, Status
from mbusmaster.meterlist.meters import MeterList, Recorded
from mbusmaster.meterlist.query import Page, Query, Sort
from mbusmaster.meterlist.scanner import ScanBusyError, Scanner, ScanRefusedError

__all__ = [
    "Commissioning", "Difference", "ExpectedMeter", "ExpectedMeters", "ImportReport", "Item", "JobState", "Kind",
    "ListFullError", "Meter", "MeterList", "MeterListError", "MeterRefusedError", "Mode", "Page", "Phase", "Problem",
    "Progress", "Query", "Rate", "ReadFile", "Recorded", "ScanBusyError", "ScanJob", "ScanRefusedError", "Scanner",
    "Sort", "Status", "Task", "commissioning", "read_file",
]  # fmt: skip
