"""User list: who may log in, five at the most, never none (guide 3.2.1, 3.3)."""

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusmaster.web.access_problems import access_problem
from mbusmaster.web.forms import form_values
from mbusmaster.web.guard import Asking
from mbusmaster.web.own_password import OWN, own_password_problem
from mbusmaster.web.render import flash, go_to, page
from mbusmaster.web.services import Services
from mbusweb.access import AccessError, User
from mbusweb.locale import gettext as _

PATH: Final = "/users"
ADD: Final = f"{PATH}/add"
PASSWORD: Final = f"{PATH}/{{name}}/password"
DELETE: Final = f"{PATH}/{{name}}/delete"
_LONGEST_SHOWN: Final = 64


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()
    access = services.access

    @routes.get(PATH)
    async def show(request: Request) -> Response:
        users = access.users()
        return page(
            request,
            "users.html",
            users=users,
            is_full=len(users) >= access.rules.most_users,
            is_last=len(users) <= 1,
        )

    @routes.get(ADD)
    async def add_form(request: Request) -> Response:
        return _page(request, "user_add.html", "")

    @routes.post(ADD)
    async def add(request: Request, who: Asking) -> Response:
        values = await form_values(request)
        name = values.get("name", "")
        problems = await _new_password_problems(request, services, values)
        if not problems:
            try:
                await access.add_user(name, values.get("password", ""), who=who.user, source=who.source)
            except AccessError as error:
                problems[error.field or "name"] = access_problem(error)
        if problems:
            return _page(request, "user_add.html", name[:_LONGEST_SHOWN], problems)
        flash(request, "success", _("The user was added."))
        return go_to(request, PATH)

    @routes.get(PASSWORD)
    async def password_form(request: Request, name: str) -> Response:
        user = _find(services, name)
        return _page(request, "user_password.html", user.name) if user else _gone(request)

    @routes.post(PASSWORD)
    async def change_password(request: Request, name: str, who: Asking) -> Response:
        user, values = _find(services, name), await form_values(request)
        if user is None:
            return _gone(request)
        problems = await _new_password_problems(request, services, values)
        if not problems:
            try:
                await access.change_password(
                    user.name,
                    values.get("password", ""),
                    who=who.user,
                    source=who.source,
                    keep=who.session,
                )
            except AccessError as error:
                problems["password"] = access_problem(error)
        if problems:
            return _page(request, "user_password.html", user.name, problems)
        flash(request, "success", _("The password was changed."))
        return go_to(request, PATH)

    @routes.get(DELETE)
    async def ask_delete(request: Request, name: str) -> Response:
        user = _find(services, name)
        return _page(request, "user_delete.html", user.name) if user else _gone(request)

    @routes.post(DELETE)
    async def delete(request: Request, name: str, who: Asking) -> Response:
        user, values = _find(services, name), await form_values(request)
        if user is None:
            return _gone(request)
        if problem := await own_password_problem(request, services, values.get(OWN, "")):
            return _page(request, "user_delete.html", user.name, {OWN: problem})
        try:
            await access.delete_user(user.name, who=who.user, source=who.source)
        except AccessError as error:
            return _page(request, "user_delete.html", user.name, {"name": access_problem(error)})
        if user.name == who.user:
            return go_to(request, "/login")
        flash(request, "success", _("The user was deleted."))
        return go_to(request, PATH)

    return routes


async def _new_password_problems(
    request: Request, services: Services, values: dict[str, str]
) -> dict[str, str]:
    """Look at the passwords of a form: the new one twice, and the own one."""
    if values.get("password", "") != values.get("again", ""):
        return {"again": _("The two passwords differ.")}
    problem = await own_password_problem(request, services, values.get(OWN, ""))
    return {OWN: problem} if problem else {}


def _page(request: Request, template: str, name: str, problems: dict[str, str] | None = None) -> Response:
    return page(request, template, status=422 if problems else 200, name=name, problems=problems or {})


def _find(services: Services, name: str) -> User | None:
    return next((user for user in services.access.users() if user.name == name), None)


def _gone(request: Request) -> Response:
    flash(request, "error", _("There is no such user any more."))
    return go_to(request, PATH)
