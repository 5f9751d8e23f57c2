"""What is known of a release that is kept here; and what stands in its file beside it."""

from datetime import datetime
from typing import Annotated, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from mbusheadend.errors import HeadEndError
from mbusweb.texts import Text

MOST_GROUPS: Final = 100
GroupName = Annotated[str, Field(min_length=1, max_length=64)]


class FirmwareError(HeadEndError):
    """A release cannot be taken in, changed or removed; nothing has changed.

    :ivar text: why, for people.
    """

    def __init__(self, text: Text) -> None:
        super().__init__(str(text))
        self.text = text


class Held(BaseModel):
    """A release that is kept here.

    :ivar made: when it was made, `added` when it came here.
    :ivar expires: until when masters take it: the first date of its signatures.
    :ivar platforms: what it was built for, in words.
    :ivar size: bytes of all its files.
    :ivar groups: of masters that are offered it; None for all.
    """

    model_config = ConfigDict(frozen=True)

    number: Annotated[int, Field(ge=1)]
    version: str
    made: AwareDatetime
    added: AwareDatetime
    expires: AwareDatetime
    platforms: tuple[str, ...]
    size: int
    groups: Annotated[frozenset[GroupName], Field(min_length=1, max_length=MOST_GROUPS)] | None = None

    @property
    def shown(self) -> str:
        """The number as people write it."""
        return f"{self.number:04d}"

    def is_expired(self, now: datetime) -> bool:
        """Whether masters take it no more."""
        return self.expires <= now
