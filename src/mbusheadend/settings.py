"""The settings of the head-end: a TOML file that people write; all of it may be left out."""

import re
import socket
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from mbusheadend.archive.settings import ArchiveSettings
from mbusheadend.authority import MASTER_DAYS
from mbusheadend.errors import HeadEndError
from mbusheadend.store.settings import StorePlace
from mbusheadend.stream.settings import StreamSettings

PORT: Final = 8443
WEB_PORT: Final = 8444
"""A port below 1024 needs a right that a service need not have."""
MAX_SIZE: Final = 1 << 20
MAX_CONNECTIONS: Final = 4000
MAX_PER_SOURCE: Final = 2000
"""Many masters may be behind one address; those that only wait give way to new ones."""
_PLAIN: Final = "http://"
_LOOPBACK: Final = ("127.0.0.1", "::1")
_LONGEST_PLACE: Final = 300

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:\-\[\]]{1,253}$")]
Listen = Annotated[str, StringConstraints(pattern=r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.\-]+):[0-9]{1,5}$")]
WebListen = Annotated[str, AfterValidator(lambda text: str(WebPlace.of(text)))]


@dataclass(frozen=True, slots=True)
class WebPlace:
    """Where pages are served.

    :ivar is_secure: over TLS.
    """

    host: str
    port: int
    is_secure: bool = True

    @classmethod
    def of(cls, text: str) -> Self:
        """Read ``HOST:PORT`` or ``http://HOST:PORT``; raise `ValueError`, also for plain HTTP that others could see."""
        if len(text) > _LONGEST_PLACE:
            raise ValueError("this is no HOST:PORT")
        plain = text.startswith(_PLAIN)
        host, port = place_of(text.removeprefix(_PLAIN))
        if not re.fullmatch(r"[A-Za-z0-9.\-:]+", host):
            raise ValueError(f"{text!r} is not HOST:PORT")
        if plain and host not in _LOOPBACK:
            raise ValueError(f"{text!r}: without TLS pages are served on 127.0.0.1 and [::1] only")
        return cls(host, port, is_secure=not plain)

    def __str__(self) -> str:
        return f"{'' if self.is_secure else _PLAIN}{_bracketed(self.host)}:{self.port}"

    @property
    def is_everywhere(self) -> bool:
        """Whether every address of this machine is meant."""
        return self.host in ("0.0.0.0", "::")  # noqa: S104 - compared, not bound

    def url(self, name: str) -> str:
        """Give the address of the pages.

        :param name: of this machine, for what listens everywhere.
        """
        scheme, usual = ("https", 443) if self.is_secure else ("http", 80)
        host = _bracketed(name if self.is_secure else self.host)
        return f"{scheme}://{host}" if self.port == usual else f"{scheme}://{host}:{self.port}"


class TunnelSettings(BaseModel):
    """``[tunnel]`` of the settings: bounds.

    :ivar most: at the same time through one process; 0 is none at all. `most_per_master` to one master.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    most: Annotated[int, Field(ge=0, le=1000)] = 50
    most_per_master: Annotated[int, Field(ge=1, le=16)] = 4
    longest_minutes: Annotated[int, Field(ge=1, le=1440)] = 120
    idle_minutes: Annotated[int, Field(ge=1, le=1440)] = 15


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
    :ivar most_connections: of masters at a time, of which each has two; `most_per_source` of them from one address. Behind a
        balancer all come from one.
    :ivar master_days: that the certificate of a master is valid; it is renewed after two thirds of that.
    :ivar web_listen: addresses and ports for people, HOST:PORT over TLS, or ``http://HOST:PORT`` on loopback; none is no pages.
    :ivar web_names: under which people call, beside `names`; the first one is told to people.
    :ivar web_certificate: file with the certificate for people, and its chain; None for one of the head-end's own authority.
    :ivar web_key: file with its key.
    :ivar web_idle_minutes: after so long without use a login ends.
    :ivar web_longest_hours: so long a login lasts at the most.
    :ivar installation: folder with the keys of the head-end, where these are the settings of one of its tenants; in no file.
    :ivar store: a server that keeps what was read; None for a file in the state folder.
    :ivar stream: acknowledges uploads in the place of the store; None for none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Annotated[int, Field(ge=1, le=1)] = 1
    state_folder: Path = Path("/var/lib/mbusheadend")
    listen: Annotated[tuple[Listen, ...], Field(min_length=1, max_length=16)] = (
        f"0.0.0.0:{PORT}",
        f"[::]:{PORT}",
    )
    names: Annotated[tuple[Name, ...], Field(max_length=32)] = ()
    most_connections: Annotated[int, Field(ge=10, le=500_000)] = MAX_CONNECTIONS
    most_per_source: Annotated[int, Field(ge=10, le=500_000)] = MAX_PER_SOURCE
    master_days: Annotated[int, Field(ge=1, le=3650)] = MASTER_DAYS
    web_listen: Annotated[tuple[WebListen, ...], Field(max_length=16)] = (
        f"0.0.0.0:{WEB_PORT}",
        f"[::]:{WEB_PORT}",
    )
    web_names: Annotated[tuple[Name, ...], Field(max_length=32)] = ()
    web_certificate: Path | None = None
    web_key: Path | None = None
    web_idle_minutes: Annotated[int, Field(ge=1, le=1440)] = 30
    web_longest_hours: Annotated[int, Field(ge=1, le=168)] = 12
    keep: Keep = Keep()
    store: StorePlace | None = None
    stream: StreamSettings | None = None
    archive: ArchiveSettings = ArchiveSettings()
    tunnel: TunnelSettings = TunnelSettings()
    installation: Path | None = None

    @property
    def keys_folder(self) -> Path:
        """State folder with the authority, and with the key file of a store on a server."""
        return self.installation or self.state_folder

    @property
    def places(self) -> tuple[tuple[str, int], ...]:
        """What to listen on."""
        return tuple(place_of(text) for text in self.listen)

    @model_validator(mode="after")
    def _has_key_and_certificate(self) -> Self:
        if (self.web_certificate is None) is not (self.web_key is None):
            raise ValueError("web_certificate and web_key need each other")
        return self

    @property
    def web_places(self) -> tuple["WebPlace", ...]:
        """Where pages are served."""
        return tuple(WebPlace.of(text) for text in self.web_listen)

    @property
    def web_files(self) -> tuple[Path, Path] | None:
        """Certificate and key for people, where files are named."""
        if self.web_certificate is None or self.web_key is None:
            return None
        return self.web_certificate, self.web_key

    @property
    def web_names_all(self) -> tuple[str, ...]:
        """Names and addresses under which people call: those of the settings first."""
        hosts = [place.host for place in self.web_places if not place.is_everywhere]
        return tuple(dict.fromkeys([*self.web_names, *hosts, *self.all_names]))

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


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def url_of(settings: Settings, port: int) -> str:
    """Give what masters call."""
    host = _bracketed(settings.all_names[0])
    return f"https://{host}" if port == 443 else f"https://{host}:{port}"
