"""One measured figure, and tables of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Figure:
    """A row of a table.

    :ivar what: what was measured, in words.
    :ivar value: the figure as a number.
    :ivar reach: the number to reach, None where none is promised.
    :ivar at_least: whether larger is better.
    :ivar how: unit and manner, e.g. "× pyMeterBus, median of 5".
    """

    what: str
    value: float
    reach: float | None
    how: str
    at_least: bool = False

    @property
    def met(self) -> bool | None:
        """Whether the number is reached; None where none is promised."""
        if self.reach is None:
            return None
        return self.value >= self.reach if self.at_least else self.value <= self.reach


def as_markdown(figures: Sequence[Figure]) -> str:
    """Lay figures out as a Markdown table, ratios first: they say the same on other machines."""
    rows = ["| what | measured | reach | | how |", "|---|---|---|---|---|"]
    for figure in sorted(figures, key=lambda figure: not figure.how.startswith("×")):
        sign = "≥" if figure.at_least else "≤"
        reach = "" if figure.reach is None else f"{sign} {_text(figure.reach)}"
        mark = {None: "", True: "met", False: "**missed**"}[figure.met]
        rows.append(f"| {figure.what} | {_text(figure.value)} | {reach} | {mark} | {figure.how} |")
    return "\n".join(rows)


def _text(value: float) -> str:
    """Write a number with as many digits as a measurement has."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def middle(values: Sequence[float]) -> float:
    """Give the median of several runs."""
    return float(median(values))
