"""Settings of the archive: the table ``[archive]`` of the settings file."""

from pathlib import Path
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

S3: Final = "s3://"


class ArchiveSettings(BaseModel):
    """Where months go, and when.

    :ivar place: a folder (whole path), or ``s3://bucket/prefix``; empty is no archive.
    :ivar tenant: name of the folder of this store in it.
    :ivar wait_months: whole months that pass after the end of a month before it is written.
    :ivar before_prune: whether the store keeps what its age would let go until the archive has it.
    :ivar file_megabytes: behind which the next file begins.
    :ivar endpoint: URL of a service like S3; empty is Amazon's.
    :ivar path_style: whether the bucket stands in the path of a request, not in the name of its host.
    :ivar credentials: file with name and secret, each on a line; without one the environment says them (AWS_ACCESS_KEY_ID,
        AWS_SECRET_ACCESS_KEY).
    :ivar ca_file: certificates to believe the endpoint by, in PEM; None for those of the system.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    place: Annotated[str, Field(max_length=500)] = ""
    tenant: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}$")] = "main"
    wait_months: Annotated[int, Field(ge=0, le=120)] = 1
    before_prune: bool = True
    file_megabytes: Annotated[int, Field(ge=1, le=4096)] = 128
    endpoint: Annotated[str, Field(max_length=300)] = ""
    region: Annotated[str, Field(pattern=r"^[a-z0-9\-]{0,64}$")] = ""
    path_style: bool = True
    credentials: Path | None = None
    ca_file: Path | None = None

    @model_validator(mode="after")
    def _is_a_place(self) -> Self:
        if self.place.startswith(S3):
            parts = self.place.removeprefix(S3).strip("/").split("/")
            if any(part in ("", ".", "..") for part in parts):
                raise ValueError("place: a bucket is s3://BUCKET or s3://BUCKET/PREFIX")
        elif self.place and not Path(self.place).is_absolute():
            raise ValueError("place: a folder is named by its whole path, a bucket by s3://BUCKET/PREFIX")
        endpoint = urlsplit(self.endpoint)
        if self.endpoint and (
            endpoint.scheme not in ("http", "https") or not endpoint.hostname or endpoint.path
        ):
            raise ValueError("endpoint: this is no URL such as https://s3.example.org:9000")
        return self
