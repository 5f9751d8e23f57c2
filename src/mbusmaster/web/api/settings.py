"""All settings, by the one schema."""

from typing import Annotated, Any

from fastapi import APIRouter, Body
from pydantic import JsonValue

from mbusmaster.settings import Settings
from mbusmaster.settings.forms import FieldKind, fields
from mbusmaster.settings.tree import root
from mbusmaster.web.actions.settings import change_settings
from mbusmaster.web.services import Services
from mbusweb.api.callers import Calling
from mbusweb.api.models import Answer
from mbusweb.api.problems import declared

EXAMPLE = {"log.level": "debug", "buses.0.timeout": 2, "channels": {"plain_tcp": {"enabled": True}}}


class ChangedSetting(Answer):
    """One setting that differs, by its dotted path; lists count from 0."""

    path: str
    old: JsonValue
    new: JsonValue
    needs_restart: bool


class AllSettings(Answer):
    """The settings: what the file says, what of it waits for a restart, and why the file could not be used, if so."""

    stored: Settings
    pending: tuple[ChangedSetting, ...]
    problem: str


class SettingsChange(Answer):
    """What a change has changed."""

    changes: tuple[ChangedSetting, ...]
    needs_restart: bool


class Field(Answer):
    """What there is to know of a setting; lengths of texts and lists are `minimum` and `maximum` too."""

    path: str
    kind: FieldKind
    title: str
    description: str
    default: JsonValue
    choices: tuple[JsonValue, ...]
    minimum: float | None
    maximum: float | None
    pattern: str
    must_be: str
    optional: bool
    needs_restart: bool


def changed(changes: tuple[Any, ...]) -> tuple[ChangedSetting, ...]:
    """Give changes as the API does."""
    return tuple(
        ChangedSetting(path=one.path, old=plain(one.old), new=plain(one.new), needs_restart=one.needs_restart)
        for one in changes
    )


def plain(value: Any) -> Any:
    """Give a value as JSON has it."""
    return list(value) if isinstance(value, tuple) else value


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["settings"])
    settings = services.settings

    @routes.get("/settings")
    async def get_settings() -> AllSettings:
        """Give all settings."""
        return AllSettings(
            stored=settings.stored, pending=changed(settings.pending()), problem=settings.problem
        )

    @routes.get("/settings/fields")
    async def list_setting_fields() -> list[Field]:
        """Describe every setting: its title, its default, what it may be."""
        count = len(settings.stored.buses)
        paths = [one.path for one in root().below() if one.kind != "sections"]
        found = fields(*(f"buses.{index}" for index in range(count)), *paths)
        return [Field.of({name: plain(getattr(one, name)) for name in Field.model_fields}) for one in found]

    @routes.patch("/settings", responses=declared(503))
    async def patch_settings(
        wanted: Annotated[dict[str, JsonValue], Body(examples=[EXAMPLE])], calling: Calling
    ) -> SettingsChange:
        """Change settings, all of those given or none.

        Keys are dotted paths, or sections with what is to change in them; null is nothing where a setting may be without
        value; `buses` is given only as a whole list.
        """
        changes = await change_settings(services, calling, wanted)
        return SettingsChange(
            changes=changed(changes), needs_restart=any(one.needs_restart for one in changes)
        )

    return routes
