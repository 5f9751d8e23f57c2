"""Those who want to be told when something happens."""

import logging
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Listeners(Generic[T]):
    """Any number of listeners; false while there are none."""

    def __init__(self) -> None:
        self._listeners: tuple[Callable[[T], None], ...] = ()

    def __bool__(self) -> bool:
        return bool(self._listeners)

    def add(self, listener: Callable[[T], None]) -> Callable[[], None]:
        """Let somebody be told from now on; give what ends it, harmless the second time."""

        def once(value: T) -> None:
            listener(value)

        self._listeners = (*self._listeners, once)

        def remove() -> None:
            self._listeners = tuple(one for one in self._listeners if one is not once)

        return remove

    def tell(self, value: T) -> None:
        """Tell everybody; who fails is logged, and keeps nobody else from hearing it."""
        for listener in self._listeners:
            try:
                listener(value)
            except Exception:
                _log.exception("a listener failed")
