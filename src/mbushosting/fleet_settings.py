"""Settings that a head-end sets at many masters: first as a dry run that says what would change, then for good.

The order travels as a command, the answer as the detail of its result: JSON of a `SettingsAnswer`. Which settings may be set so
the master decides, and so does its owner.
"""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from mbushosting.parts import Message

MOST_SETTINGS: Final = 16
"""In one order."""
MAX_ANSWER: Final = 16384
"""Characters of an answer as JSON."""
LONGEST_VALUE: Final = 256
LONGEST_WHY: Final = 200

KNOWN: Final = (
    *(
        f"buses.*.{name}"
        for name in ("min_baud", "default_baud", "max_baud", "timeout", "retries", "hold", "lease", "lease_limit")
    ),
    "hosting.history_days", "hosting.history_size", "channels.secure_only", "channels.secured_tcp.enabled",
    "channels.discovery", "time.source", "time.server", "time.standard_server", "firmware.automatic", "web.idle_minutes",
    "web.longest_hours", "log.level", "log.system_size", "log.debug_size", "log.trace_size",
)  # fmt: skip
"""What masters of this version let a head-end set; each decides for itself."""
SettingPath = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9_]+(\.([a-z0-9_]+|\*)){0,5}$", max_length=64)
]
"""Dotted; ``*`` stands for every entry of a list: ``buses.*.timeout``."""
Value = bool | int | float | Annotated[str, StringConstraints(max_length=LONGEST_VALUE)] | None


class Willing(StrEnum):
    """Whether a master does what it is asked for, as its contact says."""

    UNKNOWN = ""
    """It is older than such orders."""
    OFF = "off"
    """Its owner has switched that off."""
    ON = "on"


class SettingsOrder(Message):
    """What is to be set.

    :ivar dry_run: change nothing, say what would be.
    :ivar seen: the version that a dry run named; where the settings are others now, nothing is changed. Empty asks for none.
    :ivar restart: restart afterwards where a setting needs that.
    """

    values: Annotated[dict[SettingPath, Value], Field(min_length=1, max_length=MOST_SETTINGS)]
    dry_run: bool = True
    seen: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{0,64}$")] = ""
    restart: bool = False


class SettingChange(Message):
    """One setting at one master.

    :ivar old: as it is, `new` as it would be; of one that is refused both are None.
    :ivar refused: why it cannot be set; empty where it can.
    """

    path: Annotated[str, StringConstraints(max_length=64)]
    old: Value = None
    new: Value = None
    needs_restart: bool = False
    refused: Annotated[str, StringConstraints(max_length=LONGEST_WHY)] = ""


class SettingsAnswer(Message):
    """What came of it: all is set, or nothing.

    :ivar version: of the settings that may be set so, after this.
    :ivar changes: what would be, or is, another one now; what is set already is not named.
    :ivar cut: more would change than fits here.
    """

    version: Annotated[str, StringConstraints(max_length=64)]
    changes: Annotated[tuple[SettingChange, ...], Field(max_length=256)] = ()
    applied: bool = False
    changed_since: bool = False
    restarts: bool = False
    cut: bool = False

    @property
    def is_refused(self) -> bool:
        """Whether any of it cannot be set, so that nothing is."""
        return self.changed_since or any(change.refused for change in self.changes)

    def as_detail(self) -> str:
        """Give it as the detail of a result, never longer than `MAX_ANSWER`."""
        kept = self
        while len(text := kept.model_dump_json(exclude_defaults=True)) > MAX_ANSWER:
            kept = kept.model_copy(update={"changes": kept.changes[: len(kept.changes) // 2], "cut": True})
        return text
