"""What a month has: written last, in one; what it does not name is not there."""

from datetime import datetime
from importlib import metadata
from typing import Annotated, Final, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from mbusheadend.archive.errors import ArchiveError
from mbusheadend.archive.months import Month
from mbusheadend.archive.places import Place

ROOT: Final = "readings"
NAME: Final = "_manifest.json"
"""Readers of folders with Parquet pass over names that begin like this."""
MAX_FILES: Final = 10_000
MAX_SIZE: Final = 8 << 20

Tenant = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}$")]
Count = Annotated[int, Field(ge=0)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ArchivedFile(_Part):
    """A file of Parquet.

    :ivar name: in the folder of its month.
    :ivar size: in bytes.
    :ivar records: values of all its readings.
    :ivar first: when its first reading was taken, `last` its last one.
    :ivar first_meter: identity that comes first in it, in the order of letters.
    :ivar added: version of the manifest that named it first.
    """

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9\-]{0,80}\.parquet$")]
    size: Count
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    readings: Annotated[int, Field(ge=1)]
    records: Count
    first: AwareDatetime
    last: AwareDatetime
    first_meter: str
    last_meter: str
    decoders: tuple[int, ...]
    added: Annotated[int, Field(ge=1)]


class Manifest(_Part):
    """A month.

    :ivar version: rises with each change.
    :ivar made: when this version was made; all files that were new in it had been read back by then.
    :ivar software: version of the program that did it.
    """

    format: Annotated[int, Field(ge=1, le=1)] = 1
    tenant: Tenant
    year: Annotated[int, Field(ge=1, le=9999)]
    month: Annotated[int, Field(ge=1, le=12)]
    version: Annotated[int, Field(ge=1)]
    made: AwareDatetime
    software: str
    readings: Count
    records: Count
    first: AwareDatetime | None
    last: AwareDatetime | None
    decoders: tuple[int, ...]
    files: Annotated[tuple[ArchivedFile, ...], Field(max_length=MAX_FILES)]

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.readings != sum(one.readings for one in self.files):
            raise ValueError("the files do not have as many readings as the month")
        if len({one.name for one in self.files}) != len(self.files):
            raise ValueError("a file is named twice")
        return self

    @classmethod
    def of(
        cls, tenant: str, month: Month, version: int, files: tuple[ArchivedFile, ...], made: datetime
    ) -> Self:
        """Make the manifest of a month with these files."""
        return cls(
            tenant=tenant,
            year=month.year,
            month=month.month,
            version=version,
            made=made,
            software=_software(),
            readings=sum(one.readings for one in files),
            records=sum(one.records for one in files),
            first=min((one.first for one in files), default=None),
            last=max((one.last for one in files), default=None),
            decoders=tuple(sorted({decoder for one in files for decoder in one.decoders})),
            files=files,
        )

    @property
    def of_month(self) -> Month:
        """The month."""
        return Month(self.year, self.month)

    @property
    def folder(self) -> str:
        """Where it is in the archive."""
        return folder_of(self.tenant, self.of_month)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(one.size for one in self.files)

    def path(self, file: ArchivedFile) -> str:
        """Give the name of a file in the archive."""
        return f"{self.folder}/{file.name}"


def _software() -> str:
    try:
        return metadata.version("mbusmaster")
    except metadata.PackageNotFoundError:
        return "unknown"


def folder_of(tenant: str, month: Month | None = None) -> str:
    """Give the folder of a tenant, or of a month of it."""
    folder = f"{ROOT}/tenant={tenant}"
    return folder if month is None else f"{folder}/year={month.year}/month={month.month}"


def load_manifest(place: Place, tenant: str, month: Month) -> Manifest | None:
    """Read the manifest of a month; None where the month is not there. Raise `ArchiveError`."""
    name = f"{folder_of(tenant, month)}/{NAME}"
    data = place.read(name, MAX_SIZE)
    if data is None:
        return None
    try:
        manifest = Manifest.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ArchiveError(f"the archive's {name} is damaged: {where}: {first['msg']}") from error
    if (manifest.tenant, manifest.of_month) != (tenant, month):
        raise ArchiveError(f"the archive's {name} is of {manifest.tenant}, {manifest.of_month}")
    return manifest


def save_manifest(place: Place, manifest: Manifest) -> None:
    """Write it; from then on the month is as it says."""
    place.put(f"{manifest.folder}/{NAME}", manifest.model_dump_json(indent=1).encode() + b"\n")


def months_in(place: Place, tenant: str) -> tuple[Month, ...]:
    """Give the months that have a manifest, in their order."""
    found = []
    for name in place.sizes(folder_of(tenant)):
        parts = name.split("/")
        if parts[-1] == NAME and len(parts) == 5:
            year, month = parts[2].removeprefix("year="), parts[3].removeprefix("month=")
            if year.isdecimal() and month.isdecimal() and 1 <= int(month) <= 12:
                found.append(Month(int(year), int(month)))
    return tuple(sorted(found))
