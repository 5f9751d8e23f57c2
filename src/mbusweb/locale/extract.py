"""Keeps catalogues up to date with the texts in the code: ``python -m mbusweb.locale.extract PACKAGE … [LANGUAGE …]``.

It needs Babel.

Texts come from templates, from modules (`gettext` on pages, `mark` everywhere), and from ``more_texts`` of the package's module
``web.more_texts``. A text of the shared pages is in their catalogue alone. A text that moved from one of the packages named to
another keeps its translation.
"""

import importlib
import io
import re
import sys
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any, Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

from mbusweb.locale.catalogue import FILE
from mbusweb.locale.preferences import LANGUAGES

SHARED: Final = "mbusweb"
ALSO_SHARED: Final = ("mbusreleases",)
"""Packages without pages, whose texts several products show: they are in the shared catalogue."""
SOURCE: Final = "en"
"""The language of the texts in the code, which needs no catalogue."""
_KEYWORDS: Final[dict[str, Any]] = {
    "_": None,
    "gettext": None,
    "mark": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
}


def template_catalogue(package: str) -> Catalog:
    """Give all texts of a package that pages can show, each with the places where it is."""
    catalogue = Catalog(project=package, charset="utf-8", fuzzy=False)
    shared = None if package == SHARED else template_catalogue(SHARED)
    sources = (package,) if shared is not None else (package, *ALSO_SHARED)
    for place, message, context in chain.from_iterable(map(_texts, sources)):
        if shared is None or shared.get(_singular(message), context) is None:
            catalogue.add(message, locations=[(place, 0)], context=context)
    return catalogue


def missing(package: str, language: str) -> list[str]:
    """Give the texts of a package that have no translation in a language, or a doubtful one."""
    if language == SOURCE:
        return []
    there = read(package, language)
    lacking = []
    for message in template_catalogue(package):
        if not message.id:
            continue
        found = there.get(_singular(message.id), message.context)
        if found is None or found.fuzzy or not _is_whole(found.string) or _placeholders_differ(found):
            lacking.append(_singular(message.id))
    return lacking


def read(package: str, language: str) -> Catalog:
    """Give a catalogue; an empty one where there is no file."""
    path = path_of(package, language)
    if not path.is_file():
        return Catalog(locale=language, project=package, charset="utf-8", fuzzy=False)
    return read_po(io.BytesIO(path.read_bytes()), locale=language)


def path_of(package: str, language: str) -> Path:
    """Give the file of a package for a language."""
    folder = folder_of(package)
    return (folder if package == SHARED else folder / "web") / "locale" / language / FILE


def folder_of(package: str) -> Path:
    """Give the folder of a package's modules."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise SystemExit(f"there is no package {package}")
    return Path(spec.origin).parent


def update(packages: Iterable[str], languages: Iterable[str]) -> None:
    """Write all texts of some packages into their catalogues; what is translated stays, what is gone goes."""
    templates = {package: template_catalogue(package) for package in packages}
    for language in languages:
        if language == SOURCE:
            continue
        before = {package: read(package, language) for package in templates}
        for package, template in templates.items():
            _write(package, language, _updated(before[package], template, before.values()))


def _updated(catalogue: Catalog, template: Catalog, others: Iterable[Catalog]) -> Catalog:
    for message in template:
        if message.id and catalogue.get(_singular(message.id), message.context) is None:
            key = _singular(message.id), message.context
            moved = next((found for other in others if (found := other.get(*key)) is not None), None)
            if moved is not None:
                catalogue.add(moved.id, moved.string, flags=moved.flags, context=moved.context)
    catalogue.update(template, no_fuzzy_matching=True, update_creation_date=False)
    catalogue.obsolete.clear()
    return catalogue


def _write(package: str, language: str, catalogue: Catalog) -> None:
    catalogue.project = package
    catalogue.header_comment = f"# {LANGUAGES[language]}: texts of the web pages of {package}."
    path = path_of(package, language)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = io.BytesIO()
    write_po(text, catalogue, width=110, sort_output=True, omit_header=False, ignore_obsolete=True)
    path.write_bytes(_without_dates(text.getvalue()))


def _without_dates(text: bytes) -> bytes:
    """Leave out what changes although no text does."""
    return re.sub(
        rb'^"(POT-Creation-Date|PO-Revision-Date|Generated-By): .*\n', b"", text, flags=re.MULTILINE
    )


def _texts(package: str) -> Iterator[tuple[str, str | tuple[str, ...], str | None]]:
    folder = folder_of(package)
    for path in sorted(folder.rglob("*")):
        method = {".py": "python", ".html": "jinja2.ext:babel_extract"}.get(path.suffix)
        if method is None:
            continue
        options = {"encoding": "utf-8", "newstyle_gettext": "true", "trimmed": "true"}
        with path.open("rb") as file:
            found: Iterable[Any] = list(extract(method, file, keywords=_KEYWORDS, options=options))
        for _line, message, _comments, context in found:
            if message:
                yield path.relative_to(folder).as_posix(), message, context
    more = f"{package}.web.more_texts"
    if (folder / "web" / "more_texts.py").is_file():
        for text in sorted(importlib.import_module(more).more_texts()):
            yield "more", text, None


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
    named = [one for one in sys.argv[1:] if one not in LANGUAGES]
    chosen = [one for one in LANGUAGES if one in sys.argv[1:]] or list(LANGUAGES)
    if not named:
        raise SystemExit("usage: python -m mbusweb.locale.extract PACKAGE … [LANGUAGE …]")
    update(named, chosen)
    for package in named:
        for one in chosen:
            print(f"{package} {one}: {len(missing(package, one))} texts without translation", file=sys.stderr)
