"""Message catalogues: read when a language is first asked for, then kept."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from gettext import NullTranslations
from importlib.resources import files
from typing import Final

from mbusmaster.web.locale.formats import formats_in_use
from mbusmaster.web.locale.pofile import read_catalogue
from mbusmaster.web.locale.preferences import LANGUAGES, Preferences

_translations: ContextVar[NullTranslations | None] = ContextVar("translations", default=None)
_UNTRANSLATED: Final = NullTranslations()

__all__ = ["LANGUAGES", "catalogue_of", "gettext", "ngettext", "pgettext", "speaking"]


@cache
def catalogue_of(language: str) -> NullTranslations:
    """Give the texts of a language; English is the language of the code and needs none."""
    source = files("mbusmaster.web.locale") / language / "LC_MESSAGES" / "master.po"
    if language == "en" or not source.is_file():
        return _UNTRANSLATED
    return read_catalogue(source.read_text(encoding="utf-8"))


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
