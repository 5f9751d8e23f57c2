import io
from gettext import GNUTranslations
from pathlib import Path

import pytest
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from mbusweb import locale
from mbusweb.locale.pofile import read_catalogue

CATALOGUES = sorted(Path(locale.__file__).parents[2].glob("*/**/locale/*/LC_MESSAGES/web.po"))
HARD = r"""
msgid ""
msgstr ""
"Language: cs\n"
"Content-Type: text/plain; charset=utf-8\n"
"Plural-Forms: nplurals=3; plural=((n==1) ? 0 : (n>=2 && n<=4) ? 1 : 2);\n"

#: a/place.py:0
msgid "a \"quoted\" text\n"
"of two lines, \\ and	tab"
msgstr "prvý \"text\"\n"
"druhý \\"

#, python-format
msgid "%(count)d meter"
msgid_plural "%(count)d meters"
msgstr[0] "%(count)d měřič"
msgstr[1] "%(count)d měřiče"
msgstr[2] "%(count)d měřičů"

msgctxt "month"
msgid "May"
msgstr "květen"

msgid "May"
msgstr "smí"

msgid "not yet"
msgstr ""

#, fuzzy
msgid "doubtful"
msgstr "pochybné"

msgid "half"
msgid_plural "halves"
msgstr[0] "půl"
msgstr[1] ""
msgstr[2] ""

#~ msgid "gone"
#~ msgstr "pryč"
""".lstrip()


def as_babel_reads(text: str) -> GNUTranslations:
    compiled = io.BytesIO()
    write_mo(compiled, read_po(io.BytesIO(text.encode())))
    compiled.seek(0)
    return GNUTranslations(compiled)


@pytest.mark.parametrize(
    "path", CATALOGUES, ids=lambda path: str(path.relative_to(Path(locale.__file__).parents[2]).parent)
)
def test_our_catalogues_are_read_as_babel_reads_them(path: Path) -> None:
    ours, theirs = read_catalogue(path.read_text()), as_babel_reads(path.read_text())
    # The first is the header, in which Babel counts for itself.
    keys = [message.id for message in read_po(io.BytesIO(path.read_bytes())) if message.id]
    assert [key for key in keys if isinstance(key, str) and ours.gettext(key) != theirs.gettext(key)] == []
    for key in keys:
        if isinstance(key, tuple):
            for number in (0, 1, 2, 5, 21):
                assert ours.ngettext(key[0], key[1], number) == theirs.ngettext(key[0], key[1], number)


def test_quotes_plurals_contexts_and_doubtful_texts_are_read() -> None:
    ours, theirs = read_catalogue(HARD), as_babel_reads(HARD)
    texts = ('a "quoted" text\nof two lines, \\ and\ttab', "May", "not yet", "doubtful", "gone")
    assert [ours.gettext(text) for text in texts] == [theirs.gettext(text) for text in texts]
    assert ours.pgettext("month", "May") == "květen"
    plural = ("%(count)d meter", "%(count)d meters")
    assert [ours.ngettext(plural[0], plural[1], number) for number in (1, 2, 5)] == [
        "%(count)d měřič", "%(count)d měřiče", "%(count)d měřičů",
    ]  # fmt: skip
    assert ours.ngettext("half", "halves", 1) == "half"
