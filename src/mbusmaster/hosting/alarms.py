"""What must be looked at, until it is over: told to the head-end with every contact, and logged when it begins and ends."""

import logging
from collections.abc import Callable

from mbusweb.texts import Text

_log = logging.getLogger(__name__)


class Alarms:
    """Alarms by a key each.

    :param changed: is called when one begins or ends.
    """

    def __init__(self, changed: Callable[[], None] = lambda: None) -> None:
        self.changed = changed
        self._texts: dict[str, Text] = {}

    @property
    def texts(self) -> tuple[Text, ...]:
        """Those that last."""
        return tuple(self._texts.values())

    def begin(self, key: str, text: Text) -> None:
        """Something is wrong."""
        is_new = key not in self._texts
        self._texts[key] = text
        if is_new:
            _log.error("hosted reading: %s", text)
            self.changed()

    def end(self, key: str) -> None:
        """It is right again, if it was wrong."""
        if (text := self._texts.pop(key, None)) is not None:
            _log.info("hosted reading: over: %s", text)
            self.changed()
