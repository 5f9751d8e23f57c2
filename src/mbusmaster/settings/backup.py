"""The configuration as one file to carry away: settings in the clear, or settings and secrets under a passphrase.

A file is a JSON object. In front stands what it is: ``kind``, ``format``, ``layout`` (of the settings), ``made_at``, ``name``,
``serial_number``. A plain file then has ``settings``. An encrypted one has ``encryption``, the parameters, and ``sealed``:
settings and secrets under the passphrase (`mbusio.sealing`).

What belongs to this machine and not to its set-up (``of_machine`` in the schema: state folder, serial number, place of the
set-up pages, lamps and button, name of the serial device) is neither written nor read: on another machine it would name the
wrong things. The connection of a bus is set-up and is carried.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from pydantic import ValidationError

from mbusio.sealing import (
    LONGEST_PASSPHRASE,
    SHORTEST_PASSPHRASE,
    USUAL_COST,
    Cost,
    Fields,
    SealError,
    SealFault,
    data_of,
    is_sealed,
    seal,
    text_of,
    unseal,
)
from mbusmaster.errors import MasterError
from mbusmaster.settings.errors import SettingsError
from mbusmaster.settings.messages import Problem, shown
from mbusmaster.settings.migrations import migrate
from mbusmaster.settings.problems import problems_of
from mbusmaster.settings.schema import VERSION, Settings
from mbusmaster.settings.tree import Spot, root

KIND: Final = "mbusmaster configuration"
FORMAT: Final = 1
MAX_SIZE: Final = 2 << 20
"""A configuration is a few kilobytes, with certificates some tens."""
_LONGEST_REASON: Final = 300


class BackupTemplate(StrEnum):
    """All that `BackupError` can say, for catalogues; names in braces stand for values."""

    TOO_BIG = "the file is bigger than {maximum} bytes: that is no saved configuration"
    OTHER_KIND = "this is no saved configuration; choose a file that was downloaded as one"
    NEWER = "a newer release saved this configuration; update this master first"
    ENCRYPTED = "the configuration is encrypted; enter the passphrase it was saved with"
    WRONG_PASSPHRASE = "the passphrase is wrong or the file is damaged"  # noqa: S105 - a message
    DAMAGED = "the file is damaged; choose another one, or download it again"
    TOO_COSTLY = "opening the file would take too much memory: it was not saved by this software"
    UNUSABLE = "the settings in the file cannot be used: {reason}"
    PASSPHRASE_LENGTH = "the passphrase must have {minimum} to {maximum} characters"  # noqa: S105 - a message


_FAULTS: Final = {
    SealFault.WRONG_PASSPHRASE: BackupTemplate.WRONG_PASSPHRASE,
    SealFault.DAMAGED: BackupTemplate.DAMAGED,
    SealFault.TOO_COSTLY: BackupTemplate.TOO_COSTLY,
}


class BackupError(MasterError):
    """A configuration cannot be saved or restored.

    :ivar key: template of the message, to look up in a catalogue; `values` go into it.
    :ivar problems: what is wrong with the settings in the file.
    """

    def __init__(self, key: BackupTemplate, problems: tuple[Problem, ...] = (), **values: Any) -> None:
        super().__init__(key.format(**values))
        self.key = key
        self.problems = problems
        self.values = values


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself. Nobody vouches for it before `restore` has opened an encrypted one.

    :ivar layout: of the settings in it.
    :ivar name: of the master it was saved from, as is `serial_number`.
    """

    layout: int
    made_at: datetime
    name: str
    serial_number: str
    is_encrypted: bool


@dataclass(frozen=True, slots=True)
class Restored:
    """What was in a file.

    :ivar settings: for `SettingsService.replace`, which keeps what belongs to the machine.
    :ivar secrets: as they were handed to `save`; none in a plain file.
    """

    settings: Settings
    secrets: dict[str, bytes]
    header: Header


def save(
    settings: Settings,
    *,
    made_at: datetime,
    serial_number: str,
    passphrase: str | None = None,
    secrets: Mapping[str, bytes] | None = None,
    cost: Cost = USUAL_COST,
) -> bytes:
    """Give the file. With a passphrase this takes 32 MiB and some tenths of a second: leave an event loop for it.

    Raise `BackupError` if the passphrase is too short or the file would be too big.

    :param made_at: with its time zone.
    :param secrets: go into the file only under a passphrase; without one they are a mistake of the caller.
    """
    if secrets and passphrase is None:
        raise ValueError("secrets need a passphrase")
    header: Fields = {
        "kind": KIND,
        "format": FORMAT,
        "layout": VERSION,
        "made_at": made_at.astimezone(UTC).isoformat(timespec="seconds"),
        "name": settings.device.name,
        "serial_number": serial_number,
    }
    tables = _without_the_machine(settings.model_dump(mode="json", exclude_none=True, exclude={"version"}))
    if passphrase is None:
        fields = {**header, "settings": tables}
    else:
        content = {
            "settings": tables,
            "secrets": {name: text_of(data) for name, data in (secrets or {}).items()},
        }
        try:
            fields = seal(header, json.dumps(content).encode(), passphrase, cost)
        except SealError as error:
            raise _explained(error.fault) from None
    data = json.dumps(fields, indent=2).encode()
    if len(data) > MAX_SIZE:
        raise BackupError(BackupTemplate.TOO_BIG, maximum=MAX_SIZE)
    return data


def inspect(data: bytes) -> Header:
    """Give what a file says of itself; raise `BackupError` if it is none of ours or too new."""
    return _header(_fields(data))


def restore(data: bytes, passphrase: str | None = None) -> Restored:
    """Open a file from anywhere; older layouts are brought up to date. Raise `BackupError`, nothing else, if it is not good.

    With a passphrase this takes up to 64 MiB and some tenths of a second: leave an event loop for it.
    """
    fields = _fields(data)
    header = _header(fields)
    content = fields
    if header.is_encrypted:
        if not passphrase:
            raise BackupError(BackupTemplate.ENCRYPTED)
        try:
            content = _parsed(unseal(fields, passphrase))
        except SealError as error:
            raise _explained(error.fault) from None
    secrets = content.get("secrets", {}) if header.is_encrypted else {}
    tables = content.get("settings")
    if not isinstance(tables, dict) or not isinstance(secrets, dict):
        raise BackupError(BackupTemplate.DAMAGED)
    try:
        opened = {name: data_of(text) for name, text in secrets.items()}
    except SealError as error:
        raise _explained(error.fault) from None
    return Restored(_settings({**tables, "version": header.layout}), opened, header)


def _fields(data: bytes) -> Fields:
    if len(data) > MAX_SIZE:
        raise BackupError(BackupTemplate.TOO_BIG, maximum=MAX_SIZE)
    try:
        fields = _parsed(data)
    except BackupError:
        raise BackupError(BackupTemplate.OTHER_KIND) from None
    if fields.get("kind") != KIND:
        raise BackupError(BackupTemplate.OTHER_KIND)
    return fields


def _parsed(data: bytes) -> Fields:
    try:
        fields = json.loads(data.decode("utf-8"), parse_constant=_refused)
    except (ValueError, RecursionError):
        raise BackupError(BackupTemplate.DAMAGED) from None
    if not isinstance(fields, dict):
        raise BackupError(BackupTemplate.DAMAGED)
    return fields


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _header(fields: Fields) -> Header:
    numbers = (fields.get("format"), fields.get("layout"))
    if not all(type(number) is int and number > 0 for number in numbers):
        raise BackupError(BackupTemplate.DAMAGED)
    if fields["format"] > FORMAT or fields["layout"] > VERSION:
        raise BackupError(BackupTemplate.NEWER)
    texts = (fields.get("made_at"), fields.get("name"), fields.get("serial_number"))
    if not all(isinstance(text, str) for text in texts):
        raise BackupError(BackupTemplate.DAMAGED)
    try:
        made_at = datetime.fromisoformat(fields["made_at"]).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BackupError(BackupTemplate.DAMAGED) from None
    return Header(
        fields["layout"], made_at, shown(fields["name"]), shown(fields["serial_number"]), is_sealed(fields)
    )


def _settings(tables: Fields) -> Settings:
    try:
        return Settings.model_validate(_without_the_machine(migrate(tables)))
    except ValidationError as error:
        problems = problems_of(error)
        reason = str(SettingsError("", problems)).removeprefix("; ")
        raise BackupError(BackupTemplate.UNUSABLE, problems, reason=shown(reason, _LONGEST_REASON)) from None
    except SettingsError as error:
        raise BackupError(
            BackupTemplate.UNUSABLE, error.problems, reason=shown(str(error), _LONGEST_REASON)
        ) from None


def _without_the_machine(tables: Fields) -> Fields:
    return _kept(root(), tables)


def _kept(here: Spot, tables: Fields) -> Fields:
    kept = dict(tables)
    for below in here.below():
        name = below.path.rpartition(".")[2]
        if below.of_machine:
            kept.pop(name, None)
        elif below.kind == "section" and isinstance(kept.get(name), dict):
            kept[name] = _kept(below, kept[name])
    return kept


def _explained(fault: SealFault) -> BackupError:
    if fault is SealFault.PASSPHRASE_LENGTH:
        return BackupError(
            BackupTemplate.PASSPHRASE_LENGTH, minimum=SHORTEST_PASSPHRASE, maximum=LONGEST_PASSPHRASE
        )
    return BackupError(_FAULTS[fault])
