"""The settings of a running master: what is in force, what the file says, and how they are changed.

A change goes into the file first. What needs no restart is in force at once; the rest waits, and `SettingsService.pending`
says so.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from mbusmaster.settings.assign import Tables, assign, put
from mbusmaster.settings.errors import SettingsError
from mbusmaster.settings.messages import Problem
from mbusmaster.settings.problems import problems_of
from mbusmaster.settings.schema import Settings
from mbusmaster.settings.store import Loaded, Store
from mbusmaster.settings.tree import settings as each_setting
from mbusmaster.settings.tree import spot

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Change:
    """One setting that differs.

    :ivar path: dotted, such as ``buses.0.timeout``.
    :ivar old: as JSON has it, lists as tuples; None where it had no value or its section was not there.
    """

    path: str
    old: Any
    new: Any
    needs_restart: bool


Listener = Callable[[tuple[Change, ...]], None]


class SettingsService:
    """Changes the settings; safe to call from any thread. Writing waits for the disk, so leave an event loop for it.

    :param loaded: what `store` gave at the start: in force from then on.
    """

    def __init__(self, store: Store, loaded: Loaded) -> None:
        self._store = store
        self._running = loaded.settings
        self._stored = loaded.settings
        self._pending: tuple[Change, ...] = ()
        self._problem = loaded.problem
        self._lock = threading.Lock()
        self._listeners: list[tuple[Listener, asyncio.AbstractEventLoop | None]] = []

    @property
    def running(self) -> Settings:
        """What is in force: the settings of the start with all changes since that need no restart."""
        return self._running

    @property
    def stored(self) -> Settings:
        """What the file said when it was last read or written here: what the next start will find."""
        return self._stored

    @property
    def problem(self) -> str:
        """Why the file proper could not be used, so that its backup is in force; empty when it could, or is written anew."""
        return self._problem

    def change(self, changes: Mapping[str, object]) -> tuple[Change, ...]:
        """Check all of the changes together and store them; give what differs now.

        Raise `SettingsError` with its `fields` if anything is wrong; then nothing is written.

        :param changes: by dotted path: the text of a form field, or a JSON value. Empty text is nothing where a setting may be
            without value, and the default of a list that needs entries. Lists as text go by commas or lines. A section may be
            given as a mapping, several sections (``buses``) only as a whole list.
        """

        return self._store_what(lambda before: _changed(before, changes))

    def preview(self, changes: Mapping[str, object]) -> tuple[Change, ...]:
        """Give what `change` would, and store nothing; raise what it would."""
        with self._lock:
            before = self._in_the_file()
        return differences(before, _changed(before, changes))

    def replace(self, settings: Settings) -> tuple[Change, ...]:
        """Restore settings from elsewhere, leaving what belongs to this machine as it is here (``of_machine`` in the schema)."""

        def restored(before: Settings) -> Settings:
            tables = settings.model_dump(mode="json")
            for path, value in values(before).items():
                if (here := spot(path)) is not None and here.of_machine:
                    put(tables, path, value)
            return _checked(tables)

        return self._store_what(restored)

    def pending(self) -> tuple[Change, ...]:
        """Give what is stored and waits for a restart."""
        return self._pending

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with everything that was changed, after it was stored; give what ends that.

        One that subscribes inside an event loop is called in that loop, any other in the thread that changed.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        entry = (listener, loop)
        self._listeners.append(entry)

        def end() -> None:
            with contextlib.suppress(ValueError):
                self._listeners.remove(entry)

        return end

    def _store_what(self, make: Callable[[Settings], Settings]) -> tuple[Change, ...]:
        with self._lock:
            before = self._in_the_file()
            after = make(before)
            changes = differences(before, after)
            if changes or self._problem:
                self._store.save(after)
                self._problem = ""
            news = differences(self._stored, after)
            self._running, self._stored = _in_force(self._running, after), after
            self._pending = differences(self._running, after)
        self._tell(news)
        return changes

    def _in_the_file(self) -> Settings:
        """Read the file again, so that what somebody wrote into it meanwhile is not lost."""
        try:
            return self._store.read()
        except FileNotFoundError:
            return self._stored
        except SettingsError as error:
            self._problem = str(error)
            return self._stored

    def _tell(self, changes: tuple[Change, ...]) -> None:
        if not changes:
            return
        for listener, loop in tuple(self._listeners):
            if loop is None or loop is _running_loop():
                _call(listener, changes)
            else:
                with contextlib.suppress(RuntimeError):  # the loop has ended, and its listener with it
                    loop.call_soon_threadsafe(_call, listener, changes)


def values(settings: Settings) -> dict[str, Any]:
    """Give every setting by its dotted path, as JSON has it, lists as tuples."""
    dump = settings.model_dump(mode="json")
    return {
        here.path: tuple(value) if isinstance(value, list) else value for here, value in each_setting(dump)
    }


def differences(old: Settings, new: Settings) -> tuple[Change, ...]:
    """Give every setting that differs, in the order of the schema."""
    before, after = values(old), values(new)
    changes = []
    for path in {**after, **before}:
        if before.get(path) != after.get(path) or (path in before) != (path in after):
            here = spot(path)
            needs_restart = here is not None and here.needs_restart
            changes.append(Change(path, before.get(path), after.get(path), needs_restart))
    return tuple(changes)


def _in_force(running: Settings, stored: Settings) -> Settings:
    """Take over what needs no restart. No check of the schema ties such a setting to one that needs it."""
    tables = running.model_dump(mode="json")
    for path, value in values(stored).items():
        if (here := spot(path)) is not None and not here.needs_restart:
            put(tables, path, value)
    return Settings.model_validate(tables)


def _changed(before: Settings, changes: Mapping[str, object]) -> Settings:
    tables = before.model_dump(mode="json")
    return _checked(tables, assign(tables, changes))


def _checked(tables: Tables, problems: tuple[Problem, ...] = ()) -> Settings:
    try:
        settings = Settings.model_validate(tables)
    except ValidationError as error:
        raise SettingsError("nothing was changed", (*problems, *problems_of(error))) from None
    if problems:
        raise SettingsError("nothing was changed", problems)
    return settings


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _call(listener: Listener, changes: tuple[Change, ...]) -> None:
    try:
        listener(changes)
    except Exception:
        _log.exception("a part of the master could not take over changed settings")
