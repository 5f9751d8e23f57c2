"""Settings that are to be set at many masters, as they stand in the store. What each master said stands with its commands."""

from typing import Annotated, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from mbushosting.fleet_settings import MOST_SETTINGS, SettingPath, Value
from mbushosting.parts import SerialNumber

MOST_MASTERS: Final = 20_000


class SettingsForFleet(BaseModel):
    """An order.

    :ivar values: by dotted path.
    :ivar restart: masters restart afterwards where a setting needs that.
    :ivar masters: that were asked for a dry run.
    :ivar who: made it.
    """

    model_config = ConfigDict(frozen=True)

    id: Annotated[str, Field(pattern=r"^[0-9a-z]{1,16}$")]
    title: Annotated[str, Field(max_length=128)] = ""
    values: Annotated[dict[SettingPath, Value], Field(min_length=1, max_length=MOST_SETTINGS)]
    restart: bool = False
    masters: Annotated[tuple[SerialNumber, ...], Field(min_length=1, max_length=MOST_MASTERS)]
    who: str = ""
    made: AwareDatetime

    @property
    def dry_run(self) -> str:
        """Id of the commands that try it."""
        return f"settings-{self.id}-try"

    @property
    def for_good(self) -> str:
        """Id of the commands that set it."""
        return f"settings-{self.id}-set"
