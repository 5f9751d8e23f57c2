"""Where the stream is, and how much it keeps: part ``[stream]`` of the settings file."""

import re
from pathlib import Path
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

PORT: Final = 4222
_SCHEMES: Final = ("nats", "tls")
_LONGEST: Final = 300


def _server(text: str) -> str:
    """Complete the address of a server; raise `ValueError`."""
    url = urlsplit(text if "://" in text else f"nats://{text}")
    if len(text) > _LONGEST or url.scheme not in _SCHEMES:
        raise ValueError(f"a server of the stream is nats://HOST:PORT or tls://HOST:PORT, not {text!r}")
    if "@" in url.netloc:
        raise ValueError("no password in the address of a server: name a file with credentials")
    if not re.fullmatch(r"[A-Za-z0-9.\-:]+", url.hostname or "") or url.path.strip("/") or url.query:
        raise ValueError(f"{text!r} names no host")
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
    return f"{url.scheme}://{host}:{url.port or PORT}"


Server = Annotated[str, AfterValidator(_server)]
Token = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,32}$")]


class StreamSettings(BaseModel):
    """The stream.

    :ivar servers: its nodes, ``nats://HOST:PORT``, or ``tls://…`` where they want TLS.
    :ivar name: of the streams (``NAME-readings``, ``NAME-dead``) and first part of all subjects.
    :ivar tenant: second part of the subjects: whose readings these are.
    :ivar ca: file with the authorities that may vouch for the nodes; None for those of the system.
    :ivar certificate: file with the certificate to show to the nodes, and its chain; `key` is its key.
    :ivar credentials: file with credentials as the tools of NATS write it (``.creds``).
    :ivar replicas: nodes that hold a message before it is acknowledged by most of them.
    :ivar keep_hours: that other systems may still read what is written to the store.
    :ivar max_bytes: of all messages; a full stream takes no uploads until something is written.
    :ivar dead_bytes: the same for what cannot be stored.
    :ivar writers: batches that are handed to the store at a time; 0 where another process writes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    servers: Annotated[tuple[Server, ...], Field(min_length=1, max_length=16)]
    name: Token = "mbus"
    tenant: Token = "default"
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    credentials: Path | None = None
    replicas: Annotated[int, Field(ge=1, le=5)] = 3
    keep_hours: Annotated[int, Field(ge=0, le=8784)] = 72
    max_bytes: Annotated[int, Field(ge=1 << 20, le=1 << 50)] = 10 << 30
    dead_bytes: Annotated[int, Field(ge=1 << 20, le=1 << 50)] = 1 << 30
    writers: Annotated[int, Field(ge=0, le=256)] = 16

    @model_validator(mode="after")
    def _is_of_one_piece(self) -> Self:
        if (self.certificate is None) is not (self.key is None):
            raise ValueError("certificate and key need each other")
        return self

    @property
    def is_secure(self) -> bool:
        """Whether it is spoken to over TLS."""
        return bool(self.ca or self.certificate) or any(one.startswith("tls:") for one in self.servers)


def servers_of(text: str) -> tuple[str, ...]:
    """Split ``nats://a,b,c``: what the first one says of the protocol is so for all."""
    first, *others = text.split(",")
    scheme = f"{first.partition('://')[0]}://" if "://" in first else ""
    return (first, *(one if "://" in one else f"{scheme}{one}" for one in others))
