"""What is wrong with files and forms, in the visitor's language as far as it is known here."""

from mbusheadend.fleet.reading_now import ReadError
from mbusheadend.store import StoreError
from mbusio.meterfile import ImportReport
from mbusweb.locale import gettext as _
from mbusweb.texts import mark

_GROUP = mark("a group has a name of 1 to 64 printable characters")


def refusal_text(error: StoreError) -> str:
    """Say as a sentence why the store does not do something."""
    said = _(str(error))
    return f"{said[:1].upper()}{said[1:]}".rstrip(".") + "."


def read_problem(error: ReadError) -> str:
    """Say why nothing can be read now."""
    return {
        "nobody": _("Choose at least one meter; at this master none are known yet."),
        "nowhere": _("No master that calls reads these meters."),
        "many": _("These are too many meters at once. Read all meters of a master instead."),
    }[error.kind]


def line_problems(report: ImportReport) -> list[tuple[str, str, str]]:
    """Give line, column and text of what is wrong with a file; what is wrong with it as a whole has no line."""
    return [
        (str(problem.line) if problem.line else _("the file"), problem.column, _(problem.text))
        for problem in report.problems
    ]
