"""How far a long command is, for a person who waits."""

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn


class ProgressBar:
    """A bar on standard error where that is a terminal, else nothing.

    :param shown: False keeps it away in any case.
    :param exact: what is left is known, not guessed.
    """

    def __init__(self, *, shown: bool = True, exact: bool = False) -> None:
        console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn(f"{{task.completed:.0f}} of {'' if exact else 'about '}{{task.total:.0f}}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[estimate]}"),
            console=console,
            transient=True,
            # What is printed on the same terminal goes above the bar; what is redirected to a file must not come here.
            redirect_stdout=sys.stdout.isatty(),
            disable=not (shown and console.is_terminal),
        )
        self._task = self._bar.add_task("", total=1, estimate="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def update(self, what: str, done: int, left: int) -> None:
        """Show what is going on, how much is done and how much is probably left."""
        # The library's own estimate begins anew whenever the total changes, and here it always does.
        elapsed = self._bar.tasks[self._task].elapsed or 0.0
        estimate = f"about {elapsed * left / done:.0f} s left" if done and left else ""
        total = max(1, done + left)
        self._bar.update(self._task, description=what, completed=done, total=total, estimate=estimate)
