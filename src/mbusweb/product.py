"""What differs between the pages of one product and another's: names, menu, folders, kinds of audit entries."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

MenuGroup = tuple[str, tuple[tuple[str, str], ...]]
"""A title, and the path and title of each page; titles are marked texts."""


@dataclass(frozen=True, slots=True)
class Product:
    """One product.

    :ivar name: a marked text.
    :ivar short: what names of cookies begin with: two products on one machine must not take each other's.
    :ivar folder: with ``templates`` and ``static``; what is not there the shared ones have.
    :ivar home: path of the first page.
    :ivar menu: of all pages; those that are not there, or that the visitor may not open, are left out.
    :ivar kind_texts: gives a text for each kind of audit entry, in the order in which a list shows them.
    :ivar styles: names of style sheets for every page, after the shared one.
    :ivar scripts: names of scripts for every page.
    :ivar same: other paths of pages in the menu.
    :ivar first_user: path to which a default user is led; empty where there is none.
    :ivar own_password: path of the page where users change their own password; empty where the user list does that.
    :ivar badges: what gives the number behind an entry of the menu, by path of the entry; asked for again and again.
    :ivar most_streams: event streams at a time.
    """

    name: str
    short: str
    folder: Path
    home: str
    menu: tuple[MenuGroup, ...]
    kind_texts: Callable[[], dict[str, str]]
    styles: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    same: Mapping[str, str] = field(default_factory=dict)
    first_user: str = ""
    own_password: str = ""
    badges: Mapping[str, str] = field(default_factory=dict)
    most_streams: int = 24

    @property
    def session_cookie(self) -> str:
        """Name of the cookie of a login."""
        return f"{self.short}_session"

    @property
    def visit_cookie(self) -> str:
        """Name of the cookie that ties the forms of a browser without a login to that browser."""
        return f"{self.short}_visit"

    @property
    def preferences_cookie(self) -> str:
        """Name of the cookie with language and formats."""
        return f"{self.short}_preferences"
