"""What operators do to groups: put members in, take them out, rename, dissolve."""

import re
from collections.abc import Iterable
from typing import Final

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

from mbusheadend.store import StoreRefusedError, UnknownError
from mbusheadend.store.browsing import GroupKind
from mbusheadend.web.door import OPERATOR
from mbusheadend.web.fleet_deeds import dissolve_group, join_group, leave_group, rename_group
from mbusheadend.web.fleet_lists import MASTERS, METERS
from mbusheadend.web.pages.groups import PATH, shown_groups
from mbusheadend.web.problem_texts import refusal_text
from mbusheadend.web.services import Services
from mbusweb.forms import form_values
from mbusweb.guard import Asking, local_path
from mbusweb.locale import gettext as _
from mbusweb.locale import ngettext
from mbusweb.render import ask, flash, go_to, page

DOOR: Final = OPERATOR
JOIN: Final = f"{PATH}/join"
LEAVE: Final = f"{PATH}/leave"
RENAME: Final = f"{PATH}/rename"
DISSOLVE: Final = f"{PATH}/dissolve"
MOST_MEMBERS: Final = 20_000
"""That are put in at once."""


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter()

    @routes.post(JOIN)
    async def join(request: Request, who: Asking) -> Response:
        kind, name, texts, back = await _asked(request)
        members, unknown = await members_of(services, kind, texts)
        try:
            if unknown:
                raise StoreRefusedError(
                    _("There is nothing called %(name)s here.") % {"name": unknown[0][:80]}
                )
            if not members:
                raise StoreRefusedError(_("Choose at least one."))
            count = await join_group(services, who, kind, name, members)
        except StoreRefusedError as error:
            return await _refused(request, services, back, kind, name, texts, error)
        text = ngettext(
            "%(num)d was put into the group %(name)s.", "%(num)d were put into the group %(name)s.", count
        )
        flash(request, "success", text % {"num": count, "name": name})
        return go_to(request, back)

    @routes.post(LEAVE)
    async def leave(request: Request, who: Asking) -> Response:
        kind, name, texts, back = await _asked(request)
        members, _unknown = await members_of(services, kind, texts)
        count = await leave_group(services, who, kind, name, members)
        text = ngettext(
            "%(num)d was taken out of the group %(name)s.",
            "%(num)d were taken out of the group %(name)s.",
            count,
        )
        flash(request, "success", text % {"num": count, "name": name})
        return go_to(request, back)

    @routes.post(RENAME)
    async def rename(request: Request, who: Asking) -> Response:
        values = await form_values(request)
        kind, old, new = _kind(values.get("kind", "")), values.get("name", ""), values.get("new", "").strip()
        try:
            await rename_group(services, who, kind, old, new)
        except StoreRefusedError as error:
            flash(request, "error", refusal_text(error))
        else:
            flash(
                request, "success", _("The group is called %(name)s now, also in schedules.") % {"name": new}
            )
        return go_to(request, PATH)

    _add_dissolve(routes, services)
    return routes


def _add_dissolve(routes: APIRouter, services: Services) -> None:
    @routes.get(DISSOLVE)
    async def ask_dissolve(request: Request, kind: str = "", name: str = "") -> Response:
        groups = await services.store.groups(_kind(kind))
        if name not in groups:
            raise HTTPException(404)
        text = ngettext(
            "%(num)d member leaves the group %(name)s and stays otherwise as it is. "
            "Schedules for this group read nothing by it any more.",
            "%(num)d members leave the group %(name)s and stay otherwise as they are. "
            "Schedules for this group read nothing by it any more.",
            groups[name],
        )
        return ask(
            request,
            title=_("Dissolve this group?"),
            question=text % {"num": groups[name], "name": name},
            yes=_("Dissolve"),
            path_yes=DISSOLVE,
            path_no=PATH,
            values={"kind": kind, "name": name},
        )

    @routes.post(DISSOLVE)
    async def dissolve(request: Request, who: Asking) -> Response:
        values = await form_values(request)
        try:
            await dissolve_group(services, who, _kind(values.get("kind", "")), values.get("name", ""))
        except UnknownError:
            flash(request, "warning", _("There is no such group any more."))
        else:
            flash(request, "success", _("The group is dissolved."))
        return go_to(request, PATH)


async def members_of(
    services: Services, kind: GroupKind, texts: Iterable[str]
) -> tuple[list[str | int], list[str]]:
    """Find masters by serial number or name, meters by number (with #) or identity; give also what is not known."""
    wanted = list(dict.fromkeys(texts))[:MOST_MEMBERS]
    if kind is GroupKind.MASTERS:
        known: dict[str, str | int] = {}
        for master in await services.store.masters():
            known[master.serial] = master.serial
            known.setdefault(master.name, master.serial)
    elif all(text.startswith("#") for text in wanted):
        numbers = [int(text[1:]) for text in wanted if text[1:].isdecimal() and len(text) < 18]
        return [*numbers], []
    else:
        known = {meter.identity: meter.id for meter in await services.store.meters()}
    found = [known.get(text, known.get(text.upper())) for text in wanted]
    return (
        [member for member in found if member is not None],
        [text for text, member in zip(wanted, found, strict=True) if member is None],
    )


async def _asked(request: Request) -> tuple[GroupKind, str, list[str], str]:
    async with request.form() as form:
        kind = _kind(str(form.get("kind", "")))
        numbers = [f"#{number}" for number in map(str, form.getlist("meter"))]
        listed = [part.strip() for part in re.split(r"[\n,;]+", str(form.get("members", "")))]
        texts = [*numbers, *map(str, form.getlist("master")), *(part for part in listed if part)]
        back = local_path(str(form.get("back", "")), PATH)
        if back != PATH and not back.startswith((MASTERS, METERS)):
            back = PATH
        return kind, str(form.get("name", "")).strip(), texts, back


async def _refused(
    request: Request,
    services: Services,
    back: str,
    kind: GroupKind,
    name: str,
    texts: list[str],
    error: StoreRefusedError,
) -> Response:
    if back != PATH:
        flash(request, "error", refusal_text(error))
        return go_to(request, back)
    values = {"kind": kind.value, "name": name, "members": "\n".join(texts)}
    shown = await shown_groups(services, values=values, problems={kind.value: refusal_text(error)})
    return page(request, "groups.html", status=422, **shown)


def _kind(text: str) -> GroupKind:
    if text not in set(GroupKind):
        raise HTTPException(404)
    return GroupKind(text)
