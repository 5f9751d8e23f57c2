"""The menu at the left."""

from collections.abc import Mapping
from dataclasses import dataclass

from mbusweb.door import Door
from mbusweb.locale import gettext
from mbusweb.product import Product
from mbusweb.visitor import Visitor


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the menu, in the visitor's language.

    :ivar badge: what gives the number behind it; empty where there is none.
    """

    path: str
    title: str
    is_here: bool
    badge: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """One part of the menu."""

    title: str
    entries: tuple[Entry, ...]


def menu(product: Product, present: Mapping[str, Door], who: Visitor, here: str) -> tuple[Group, ...]:
    """Give the menu of the pages that are there, without those for which the visitor has not the role.

    :param here: path of the page that is shown; a page below an entry belongs to it.
    """
    here = product.same.get(here, here)
    groups = (
        Group(
            gettext(title),
            tuple(
                Entry(
                    path,
                    gettext(name),
                    here == path or here.startswith(f"{path}/"),
                    product.badges.get(path, ""),
                )
                for path, name in entries
                if path in present and who.may(present[path].role)
            ),
        )
        for title, entries in product.menu
    )
    return tuple(group for group in groups if group.entries)
