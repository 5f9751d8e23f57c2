"""Firmware: releases for masters, checked when they come, offered to all or to groups; and which master runs what."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from fastapi import APIRouter, Request
from starlette.datastructures import UploadFile
from starlette.responses import Response

from mbusheadend.audit_kinds import AuditKind
from mbusheadend.firmware import FirmwareError, Held
from mbusheadend.firmware.overview import firmware_overview
from mbusheadend.web.door import ADMIN
from mbusheadend.web.services import Services
from mbusreleases.description import FILE_NAME
from mbusweb.guard import Asking
from mbusweb.locale import gettext as _
from mbusweb.locale import said
from mbusweb.paging import paged
from mbusweb.render import ask, flash, go_to, page
from mbusweb.texts import Text

DOOR: Final = ADMIN
PATH: Final = "/firmware"
UPLOAD: Final = f"{PATH}/upload"
OFFER: Final = f"{PATH}/{{number}}/offer"
REMOVE: Final = f"{PATH}/{{number}}/remove"
MAX_SIZE: Final = 256 << 20
"""Bytes of a release file, as masters take them."""
MAX_ROOT: Final = 256 << 10
UPLOAD_LIMITS: Final = {UPLOAD: MAX_SIZE + MAX_ROOT + (1 << 16)}
NAME_HEADER: Final = "x-file-name"
"""Of a body that is the file itself, as the page's script sends it; percent-encoded."""
SHOWN_NAME: Final = "MBMC2022_release_xxxx.tar"
PAGE: Final = 50
_PIECE: Final = 1 << 20


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()
    shelf = services.firmware

    @routes.get(PATH)
    async def show(request: Request, number: str = "") -> Response:
        now = services.now()
        try:
            words = await services.rollouts.words()
            seen = await firmware_overview(services.store, shelf, now, words)
        except FirmwareError as error:
            return page(request, "firmware_broken.html", status=503, reason=text_of(error))
        masters = sorted(seen.masters, key=lambda one: (not one.is_behind, one.running, one.master.serial))
        return page(
            request,
            "firmware.html",
            seen=seen,
            releases=[(one, seen.count(one.number), one.is_expired(now)) for one in seen.releases],
            masters=paged(masters, number, PAGE),
            behind=sum(one.is_behind for one in masters),
            has_root=await asyncio.to_thread(lambda: shelf.has_root),
            file_name=SHOWN_NAME,
            pattern=FILE_NAME.pattern,
            max_size=MAX_SIZE,
        )

    @routes.post(UPLOAD)
    async def upload(request: Request, who: Asking) -> Response:
        if name := unquote(request.headers.get(NAME_HEADER, "")):
            await _take(request, services, who, name, request.stream(), None)
            return go_to(request, PATH)
        async with request.form() as form:
            file, root = form.get("file"), form.get("root")
            if isinstance(file, UploadFile) and file.filename:
                first = (
                    await root.read(MAX_ROOT + 1) if isinstance(root, UploadFile) and root.filename else None
                )
                await _take(request, services, who, file.filename, _pieces(file), first)
            else:
                flash(request, "error", _("Choose a file first."))
        return go_to(request, PATH)

    _add_changes(routes, services)
    return routes


def _add_changes(routes: APIRouter, services: Services) -> None:
    shelf = services.firmware

    @routes.post(OFFER)
    async def offer(request: Request, number: int, who: Asking) -> Response:
        async with request.form() as form:
            groups = [one for one in form.getlist("group") if isinstance(one, str)]
        try:
            held = await asyncio.to_thread(shelf.offer, number, groups or None)
        except FirmwareError as error:
            flash(request, "error", text_of(error))
        else:
            _record(services, who, f"release {held.shown} offered to {_groups(held)}")
            flash(request, "success", _("Saved; masters see it when they look the next time."))
        return go_to(request, PATH)

    @routes.get(REMOVE)
    async def ask_remove(request: Request, number: int) -> Response:
        return ask(
            request,
            title=_("Remove this release?"),
            question=_("Release %(number)04d is offered no more. Masters that run it go on.")
            % {"number": number},
            yes=_("Remove"),
            path_yes=REMOVE.format(number=number),
            path_no=PATH,
        )

    @routes.post(REMOVE)
    async def remove(request: Request, number: int, who: Asking) -> Response:
        try:
            await asyncio.to_thread(shelf.remove, number)
        except FirmwareError as error:
            flash(request, "error", text_of(error))
        else:
            _record(services, who, f"release {number:04d} removed")
            flash(request, "success", _("The release is removed."))
        return go_to(request, PATH)


def text_of(error: FirmwareError) -> str:
    """Say why a release was refused, in the visitor's language."""
    template = _(error.text.template)
    return template % error.text.values if error.text.values else template


async def _take(
    request: Request,
    services: Services,
    who: Asking,
    name: str,
    pieces: AsyncIterator[bytes],
    root: bytes | None,
) -> None:
    """Take a release in, or say why not."""
    name = Path(name).name[:200]
    with tempfile.TemporaryDirectory(prefix=".upload-", dir=services.settings.state_folder) as folder:
        file, first = Path(folder) / "release.tar", Path(folder) / "root.json"
        with file.open("wb") as out:
            async for piece in pieces:
                await asyncio.to_thread(out.write, piece)
        if root is not None:
            await asyncio.to_thread(first.write_bytes, root)
        try:
            held = await asyncio.to_thread(
                lambda: services.firmware.add(
                    file, services.now(), root=None if root is None else first, name=name
                )
            )
        except FirmwareError as error:
            services.audit.record(
                AuditKind.FIRMWARE, who=who.user, source=who.source, detail=str(error), outcome="refused"
            )
            flash(request, "error", text_of(error))
            return
    _record(services, who, f"release {held.shown}, version {held.version}, taken in")
    values: dict[str, str | int] = {"number": held.shown, "version": held.version}
    only = await services.rollouts.rollouts_only()
    text = (
        _("Release %(number)s, version %(version)s, is good; only a rollout brings it to masters.")
        if only
        else _("Release %(number)s, version %(version)s, is good, and offered to all masters.")
    )
    flash(request, "success", said(Text(text, values)))


async def _pieces(file: UploadFile) -> AsyncIterator[bytes]:
    while piece := await file.read(_PIECE):
        yield piece


def _groups(held: Held) -> str:
    return "all masters" if held.groups is None else ", ".join(sorted(held.groups))


def _record(services: Services, who: Asking, detail: str) -> None:
    services.audit.record(AuditKind.FIRMWARE, who=who.user, source=who.source, detail=detail)
