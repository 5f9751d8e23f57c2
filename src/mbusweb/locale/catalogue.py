"""Message catalogues: read when a language is first asked for, then kept.

Each package has a folder of its own for its texts; what it does not say, the shared pages do.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from gettext import NullTranslations
from pathlib import Path
from typing import Final

from mbusweb.locale.formats import formats_in_use
from mbusweb.locale.pofile import read_catalogue
from mbusweb.locale.preferences import LANGUAGES, Preferences

FILE: Final = "LC_MESSAGES/web.po"
"""Below the folder of a language."""
_translations: ContextVar[NullTranslations | None] = ContextVar("translations", default=None)
_UNTRANSLATED: Final = NullTranslations()
_folders: list[Path] = [Path(__file__).parent]

__all__ = [
    "FILE",
    "LANGUAGES",
    "add_catalogues",
    "catalogue_of",
    "gettext",
    "ngettext",
    "pgettext",
    "speaking",
]


def add_catalogues(folder: Path) -> None:
    """Let pages speak with the catalogues of a folder too; of a text that several have, those that came first count."""
    if folder not in _folders:
        _folders.append(folder)
        catalogue_of.cache_clear()


@cache
def catalogue_of(language: str) -> NullTranslations:
    """Give the texts of a language; English is the language of the code and needs none."""
    found = [file for folder in _folders if (file := folder / language / FILE).is_file()]
    if language == "en" or not found:
        return _UNTRANSLATED
    first, *others = (read_catalogue(file.read_text(encoding="utf-8")) for file in found)
    for other in others:
        first.add_fallback(other)
    return first


@contextmanager
def speaking(preferences: Preferences) -> Iterator[None]:
    """Show everything inside the block as these preferences want it."""
    language = _translations.set(catalogue_of(preferences.language))
    formats = formats_in_use.set(preferences)
    try:
        yield
    finally:
        formats_in_use.reset(formats)
        _translations.reset(language)


def gettext(message: str) -> str:
    """Give a text in the language of this request."""
    return (_translations.get() or _UNTRANSLATED).gettext(message)


def ngettext(singular: str, plural: str, number: int) -> str:
    """Give the text that fits the number, in the language of this request."""
    return (_translations.get() or _UNTRANSLATED).ngettext(singular, plural, number)


def pgettext(context: str, message: str) -> str:
    """Give a text that means different things in different places."""
    return (_translations.get() or _UNTRANSLATED).pgettext(context, message)
