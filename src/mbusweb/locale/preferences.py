"""How a browser wants its pages: language, formats, dark or light. Kept in one cookie, guessed from the browser at first."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Final, Self

LANGUAGES: Final = {"cs": "Čeština", "da": "Dansk", "de": "Deutsch", "en": "English", "es": "Español"}
"""Each by its own name."""
AUTO: Final = "auto"
"""As the language has it; for the theme as the system has it."""
CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "language": tuple(LANGUAGES),
    "date": (AUTO, "yyyy-MM-dd", "dd.MM.yyyy", "dd-MM-yyyy", "dd/MM/yyyy", "MM/dd/yyyy"),
    "time": (AUTO, "HH:mm:ss", "HH.mm.ss", "h:mm:ss a"),
    "number": (AUTO, "1,234.5", "1.234,5", "1 234,5"),
    "theme": (AUTO, "light", "dark"),
}
MAX_HEADER: Final = 512


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a browser remembers; every value is one of `CHOICES`."""

    language: str = "en"
    date: str = AUTO
    time: str = AUTO
    number: str = AUTO
    theme: str = AUTO

    @classmethod
    def from_cookie(cls, cookie: str, accept_language: str = "") -> Self:
        """Read what `to_cookie` wrote; what is missing or unknown is as a new browser has it."""
        known = dict(pair.split("=", 1) for pair in cookie[:MAX_HEADER].split("&") if "=" in pair)
        guess = cls(language=best_language(accept_language))
        return guess.with_choices({name: value.replace("+", " ") for name, value in known.items()})

    def to_cookie(self) -> str:
        """Give the value of the cookie."""
        return "&".join(f"{name}={getattr(self, name).replace(' ', '+')}" for name in CHOICES)

    def with_choices(self, wanted: Mapping[str, str]) -> Self:
        """Take over what is a choice; leave the rest as it is."""
        names = {field.name for field in fields(self)}
        return replace(
            self,
            **{name: value for name, value in wanted.items() if name in names and value in CHOICES[name]},
        )


def best_language(accept_language: str) -> str:
    """Give the one of our languages that the browser likes best (RFC 9110 12.5.4); English where there is none."""
    liked: list[tuple[float, str]] = []
    for part in accept_language[:MAX_HEADER].split(","):
        tag, _, weight = part.partition(";")
        try:
            quality = float(weight.strip().removeprefix("q=")) if weight.strip() else 1.0
        except ValueError:
            continue
        language = tag.strip().lower().partition("-")[0]
        if language in LANGUAGES and 0 < quality <= 1:
            liked.append((quality, language))
    return max(liked, key=lambda one: one[0], default=(0.0, "en"))[1]
