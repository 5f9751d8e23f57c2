"""Texts of the pages that no call of `gettext` or `mark` names, for `mbusweb.locale.extract`."""

from collections.abc import Iterable

from mbusmaster.settings.texts import texts


def more_texts() -> Iterable[str]:
    """Give the texts about settings, which come from their tables."""
    return texts()
