"""The settings of the head-end: a TOML file that people write; all of it may be left out."""

import socket
import tomllib
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from mbusheadend.authority import MASTER_DAYS
from mbusheadend.errors import HeadEndError

PORT: Final = 8443
MAX_SIZE: Final = 1 << 20

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:\-\[\]]{1,253}$")]
Listen = Annotated[str, StringConstraints(pattern=r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.\-]+):[0-9]{1,5}$")]


class Keep(BaseModel):
    """How long what was read is kept, counted from when it came.

    :ivar raw_months: raw telegrams, from which values can be decoded again; 0 for ever.
    :ivar reading_years: values and all else of a reading; 0 for ever. Raw telegrams never stay longer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    raw_months: Annotated[int, Field(ge=0, le=1200)] = 25
    reading_years: Annotated[int, Field(ge=0, le=100)] = 0


class Settings(BaseModel):
    """All of them.

    :ivar listen: addresses and ports for masters, HOST:PORT.
    :ivar names: under which masters call, for the certificate; names of this machine where there are none. The first one is
        told to people.
    :ivar master_days: that the certificate of a master is valid; it is renewed after two thirds of that.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Annotated[int, Field(ge=1, le=1)] = 1
    state_folder: Path = Path("/var/lib/mbusheadend")
    listen: Annotated[tuple[Listen, ...], Field(min_length=1, max_length=16)] = (
        f"0.0.0.0:{PORT}",
        f"[::]:{PORT}",
    )
    names: Annotated[tuple[Name, ...], Field(max_length=32)] = ()
    master_days: Annotated[int, Field(ge=1, le=3650)] = MASTER_DAYS
    keep: Keep = Keep()

    @property
    def places(self) -> tuple[tuple[str, int], ...]:
        """What to listen on."""
        return tuple(place_of(text) for text in self.listen)

    @property
    def all_names(self) -> tuple[str, ...]:
        """Names and addresses for the certificate: those of the settings first."""
        here = socket.gethostname()
        listening = [
            host
            for host, _ in self.places
            if host not in ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
        ]
        own = [*listening, here] if not self.names else listening
        return tuple(dict.fromkeys([*self.names, *own, "localhost", "127.0.0.1", "::1"]))


def place_of(text: str) -> tuple[str, int]:
    """Split HOST:PORT; raise `ValueError`."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"{text!r} is not HOST:PORT")
    return host.strip("[]"), int(port)


def load_settings(path: Path, *, must_exist: bool) -> Settings:
    """Read the file; without one the defaults are in force. Raise `HeadEndError`."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_SIZE)
    except FileNotFoundError as error:
        if must_exist:
            raise HeadEndError(f"there is no settings file {path}") from error
        return Settings()
    except OSError as error:
        raise HeadEndError(f"cannot read {path}: {error.strerror or error}") from error
    try:
        return Settings.model_validate(tomllib.loads(data.decode()))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise HeadEndError(f"{path}: {where}: {first['msg']}") from error
    except (ValueError, RecursionError) as error:
        raise HeadEndError(f"{path} is damaged: {error}") from error


def url_of(settings: Settings, port: int) -> str:
    """Give what masters call."""
    name = settings.all_names[0]
    host = f"[{name}]" if ":" in name and not name.startswith("[") else name
    return f"https://{host}" if port == 443 else f"https://{host}:{port}"
