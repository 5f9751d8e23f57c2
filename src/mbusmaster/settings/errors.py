"""What can be wrong with settings."""

from mbusmaster.errors import MasterError
from mbusmaster.settings.messages import Problem


class SettingsError(MasterError):
    """The settings cannot be used; the message says where, what, and what to do.

    :ivar problems: each thing that is wrong.
    """

    def __init__(self, message: str, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__("; ".join((message, *map(_line, problems))))
        self.problems = problems

    @property
    def fields(self) -> dict[str, str]:
        """Give the English message of each setting that is wrong, by its dotted path."""
        found: dict[str, list[str]] = {}
        for one in self.problems:
            found.setdefault(one.path, []).append(one.text)
        return {path: "; ".join(texts) for path, texts in found.items()}


def _line(problem: Problem) -> str:
    """Say a problem in the words of the file, where people count from 1."""
    place = ".".join(str(int(part) + 1) if part.isdecimal() else part for part in problem.path.split("."))
    given = f", not {problem.given!r}" if problem.given else ""
    return f"{place}: {problem.text}{given}" if place else f"{problem.text}{given}"
