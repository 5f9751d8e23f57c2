"""A button that must be held: when a press counts. No clock: times are handed in, in seconds of one that only rises."""

from typing import Final

HOLD_SECONDS: Final = 10.0
"""So long must the reset button be held (guide 3.3.1)."""
BOUNCE_SECONDS: Final = 0.05
"""A contact that opens for less than this bounced: the button was not let go."""


class Hold:
    """One button. A press counts once, while it is still held, as soon as it was held for long enough.

    :param seconds: how long it must be held.
    """

    def __init__(self, seconds: float = HOLD_SECONDS) -> None:
        self.seconds = seconds
        self._pressed_at: float | None = None
        self._released_at: float | None = None
        self._has_counted = False

    def changed(self, is_pressed: bool, at: float) -> None:
        """The contact closed, or opened."""
        self._settle(at)
        if not is_pressed:
            if self._pressed_at is not None and self._released_at is None:
                self._released_at = at
        elif self._pressed_at is None:
            self._pressed_at = at
            self._has_counted = False
        else:
            self._released_at = None

    @property
    def due_at(self) -> float | None:
        """When to ask `counts` if nothing changes until then; None: only after a change."""
        if self._pressed_at is None or self._released_at is not None or self._has_counted:
            return None
        return self._pressed_at + self.seconds

    def counts(self, now: float) -> bool:
        """Tell, once for each press, that it was held for long enough; to be asked after each change and at `due_at`."""
        if self._pressed_at is None or self._has_counted:
            return False
        # A release that is seen late counts from when it was.
        until = now if self._released_at is None else self._released_at
        self._has_counted = until >= self._pressed_at + self.seconds
        return self._has_counted

    def progress(self, now: float) -> float:
        """Give the part of the time for which the button has been held: 0 let go, 1 long enough."""
        self._settle(now)
        if self._pressed_at is None or self._released_at is not None:
            return 0.0
        return min(1.0, max(0.0, (now - self._pressed_at) / self.seconds))

    def _settle(self, now: float) -> None:
        if self._released_at is not None and now - self._released_at >= BOUNCE_SECONDS:
            self._pressed_at = self._released_at = None
