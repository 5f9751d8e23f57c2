"""The languages of the pages, and how dates, times and numbers are written.

Texts in the code are English; `gettext` gives them in the language of the request being answered, which `speaking` sets.
"""

from mbusweb.locale.catalogue import LANGUAGES, add_catalogues, gettext, ngettext, pgettext, speaking
from mbusweb.locale.formats import (
    conventions_in_use,
    format_bytes,
    format_date,
    format_datetime,
    format_number,
    format_time,
)
from mbusweb.locale.preferences import Preferences
from mbusweb.texts import Text

__all__ = [
    "LANGUAGES",
    "Preferences",
    "add_catalogues",
    "conventions_in_use",
    "format_bytes",
    "format_date",
    "format_datetime",
    "format_number",
    "format_time",
    "gettext",
    "ngettext",
    "pgettext",
    "said",
    "speaking",
]


def said(text: Text) -> str:
    """Give a sentence in the language of the request."""
    template = gettext(text.template) if text else ""
    return template % text.values if text.values else template
