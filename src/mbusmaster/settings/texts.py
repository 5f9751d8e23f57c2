"""Every text about settings that a page may show, for the catalogues of other languages."""

from collections.abc import Iterator

from mbusmaster.settings.backup import BackupTemplate
from mbusmaster.settings.messages import Template
from mbusmaster.settings.tree import Spot, root


def texts() -> frozenset[str]:
    """Give titles and descriptions of all settings and sections, and all templates of messages, in English."""
    return frozenset((*_texts(root()), *map(str, Template), *map(str, BackupTemplate)))


def _texts(here: Spot) -> Iterator[str]:
    for below in here.below():
        yield from (below.node[name] for name in ("title", "description") if name in below.node)
        entry = below.step("0") if below.kind == "sections" else below
        if entry is not None:
            yield from _texts(entry)
