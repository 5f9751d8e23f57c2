"""A sentence for people, kept so that pages can say it in any language: the words apart from what stands in them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Text:
    """What is said.

    :ivar template: in English, with ``%(name)s`` where a value stands; without values a plain text.
    """

    template: str = ""
    values: Mapping[str, str | int] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.template % self.values if self.values else self.template

    def __bool__(self) -> bool:
        return bool(self.template)


NO_TEXT: Final = Text()


def mark(template: str) -> str:
    """Mark a template for translation, where it is written; pages translate it when it is shown."""
    return template
