"""Where the store is: part ``[store]`` of the settings file."""

from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

SCHEMES: Final = ("postgresql://", "postgres://")
_LONGEST: Final = 2000


def _url(text: str) -> str:
    if len(text) > _LONGEST or not text.startswith(SCHEMES):
        raise ValueError("a store on a server is postgresql://USER@HOST:PORT/DATABASE")
    return text


class StoreSettings(BaseModel):
    """A store on PostgreSQL.

    :ivar url: as libpq reads it, also with several hosts (``postgresql://mbus@db1,db2/mbus?target_session_attrs=primary``).
    :ivar password_file: as libpq reads it (``host:port:database:user:password``, for its owner only); PGPASSFILE does too.
    :ivar tenant: whose rows are seen.
    :ivar partitions: the time that one partition of readings has.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: Annotated[str, AfterValidator(_url)] = Field(repr=False)
    password_file: Path | None = None
    tenant: Annotated[int, Field(ge=1)] = 1
    partitions: Literal["day", "week", "month"] = "month"


def _whole(value: Any) -> Any:
    return {"url": value} if isinstance(value, str) else value


StorePlace = Annotated[StoreSettings, BeforeValidator(_whole)]
"""Also written as the URL alone."""
