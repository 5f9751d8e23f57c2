"""What a backup says of itself."""

from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from mbusheadend.authority import AUTHORITY
from mbusheadend.errors import HeadEndError
from mbusheadend.state import AUTHORITY_FOLDER, DATABASE, KEY_FILE, USERS

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
SECRETS: Final = "secrets.json"
SETTINGS: Final = "mbusheadend.toml"
PLACES: Final = {
    DATABASE: DATABASE,
    USERS: USERS,
    SETTINGS: f"{SETTINGS}.restored",
    AUTHORITY: f"{AUTHORITY_FOLDER}/{AUTHORITY}",
    KEY_FILE: KEY_FILE,
}
"""Where each file belongs in the state folder, by its name in a backup."""
SECRET: Final = (AUTHORITY, KEY_FILE)
"""Files that a passphrase protects where there is one; the key file is in no backup without it."""
SMALL: Final = 1 << 20
"""More bytes none of the members has but the databases."""


class BackupError(HeadEndError):
    """A backup cannot be made, or not be brought back."""


class Entry(BaseModel):
    """One member."""

    model_config = ConfigDict(frozen=True)

    name: Literal["headend.sqlite", "access.db", "mbusheadend.toml", "authority.pem", "secrets.json"]
    size: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Manifest(BaseModel):
    """What is in a backup.

    :ivar software: version of the program that made it.
    :ivar authority: fingerprint, as enrolment tokens carry it.
    """

    model_config = ConfigDict(frozen=True)

    kind: Literal["mbusheadend backup"] = "mbusheadend backup"
    format: Annotated[int, Field(ge=1)] = FORMAT
    made_at: AwareDatetime
    software: Annotated[str, Field(max_length=64)]
    authority: Annotated[str, Field(pattern=r"^[0-9a-f]{2,64}$")]
    files: Annotated[tuple[Entry, ...], Field(min_length=1, max_length=8)]

    @property
    def is_sealed(self) -> bool:
        """Whether a passphrase is needed."""
        return any(entry.name == SECRETS for entry in self.files)

    @property
    def size(self) -> int:
        """Of all members, in bytes."""
        return sum(entry.size for entry in self.files)


def manifest_of(data: bytes) -> Manifest:
    """Read a manifest; raise `BackupError`."""
    try:
        manifest = Manifest.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise BackupError(f"this is no backup of a head-end: {where}: {first['msg']}") from None
    if manifest.format > FORMAT:
        raise BackupError(f"version {manifest.software} made this backup: update this program first")
    names = [entry.name for entry in manifest.files]
    if DATABASE not in names or len(set(names)) < len(names) or (AUTHORITY in names) == (SECRETS in names):
        raise BackupError("this is no whole backup of a head-end")
    if any(entry.size > SMALL for entry in manifest.files if entry.name not in (DATABASE, USERS)):
        raise BackupError("this is no backup of a head-end: a small file in it is too big")
    return manifest


def stamp(moment: datetime) -> str:
    """Write a moment as it stands in names of files."""
    return f"{moment:%Y%m%dT%H%M%SZ}"
