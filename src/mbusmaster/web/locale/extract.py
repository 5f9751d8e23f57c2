"""Keeps the catalogues up to date with the texts in the code: ``python -m mbusmaster.web.locale.extract [LANGUAGE …]``.

It needs Babel.

Texts come from templates, from modules (`gettext` on pages, `mark` everywhere), and from the tables of the settings: titles,
descriptions, and what can be wrong with them and with a backup.
"""

import io
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

from mbusmaster.settings.texts import texts as settings_texts
from mbusmaster.web.locale.preferences import LANGUAGES

MASTER: Final = Path(__file__).parents[2]
LOCALE: Final = Path(__file__).parent
SOURCE: Final = "en"
"""The language of the texts in the code, which needs no catalogue."""
_KEYWORDS: Final[dict[str, Any]] = {
    "_": None,
    "gettext": None,
    "mark": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
}

Key = tuple[str | tuple[str, ...], str | None]


def template_catalogue() -> Catalog:
    """Give all texts that pages can show, each with the places where it is."""
    catalogue = Catalog(project="mbusmaster", charset="utf-8", fuzzy=False)
    for place, message, context in _texts():
        catalogue.add(message, locations=[(place, 0)], context=context)
    return catalogue


def missing(language: str) -> list[str]:
    """Give the texts that have no translation in a language, or a doubtful one."""
    if language == SOURCE:
        return []
    there = read(language)
    lacking = []
    for message in template_catalogue():
        if not message.id:
            continue
        found = there.get(_singular(message.id), message.context)
        if found is None or found.fuzzy or not _is_whole(found.string) or _placeholders_differ(found):
            lacking.append(_singular(message.id))
    return lacking


def read(language: str) -> Catalog:
    """Give the catalogue of a language; an empty one where there is no file."""
    path = path_of(language)
    if not path.is_file():
        return Catalog(locale=language, project="mbusmaster", charset="utf-8", fuzzy=False)
    return read_po(io.BytesIO(path.read_bytes()), locale=language)


def path_of(language: str) -> Path:
    """Give the file of a language."""
    return LOCALE / language / "LC_MESSAGES" / "master.po"


def update(languages: Iterable[str]) -> None:
    """Write all texts into the catalogues of some languages; what is translated stays, what is gone goes."""
    template = template_catalogue()
    for language in languages:
        if language == SOURCE:
            continue
        catalogue = read(language)
        catalogue.update(template, no_fuzzy_matching=True, update_creation_date=False)
        catalogue.obsolete.clear()
        catalogue.header_comment = f"# {LANGUAGES[language]}: texts of the web pages of mbusmaster."
        path = path_of(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        text = io.BytesIO()
        write_po(text, catalogue, width=110, sort_output=True, omit_header=False, ignore_obsolete=True)
        path.write_bytes(_without_dates(text.getvalue()))


def _without_dates(text: bytes) -> bytes:
    """Leave out what changes although no text does."""
    return re.sub(
        rb'^"(POT-Creation-Date|PO-Revision-Date|Generated-By): .*\n', b"", text, flags=re.MULTILINE
    )


def _texts() -> Iterator[tuple[str, str | tuple[str, ...], str | None]]:
    for path in sorted(MASTER.rglob("*")):
        method = {".py": "python", ".html": "jinja2.ext:babel_extract"}.get(path.suffix)
        if method is None:
            continue
        options = {"encoding": "utf-8", "newstyle_gettext": "true", "trimmed": "true"}
        with path.open("rb") as file:
            found: Iterable[Any] = list(extract(method, file, keywords=_KEYWORDS, options=options))
        for _line, message, _comments, context in found:
            if message:
                yield path.relative_to(MASTER).as_posix(), message, context
    for text in sorted(settings_texts()):
        yield "settings", text, None


def _singular(message: Any) -> str:
    return message if isinstance(message, str) else str(message[0])


def _is_whole(translation: Any) -> bool:
    return all(translation) if isinstance(translation, tuple | list) else bool(translation)


def _placeholders_differ(message: Any) -> bool:
    """Tell whether a translation has other gaps for values than the text."""
    pattern = re.compile(r"%\(\w+\)[sd]|\{\w+\}")
    ids = message.id if isinstance(message.id, tuple | list) else (message.id,)
    texts = message.string if isinstance(message.string, tuple | list) else (message.string,)
    allowed = {frozenset(pattern.findall(text)) for text in ids}
    return not {frozenset(pattern.findall(text)) for text in texts} <= allowed


if __name__ == "__main__":
    chosen = tuple(one for one in LANGUAGES if one in sys.argv[1:] or not sys.argv[1:])
    update(chosen)
    for one in chosen:
        print(f"{one}: {len(missing(one))} texts without translation", file=sys.stderr)
