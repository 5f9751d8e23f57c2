"""User list: who may log in and what they may, never none."""

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusweb.access import AccessError, User
from mbusweb.access_problems import access_problem
from mbusweb.forms import form_values
from mbusweb.guard import Asking
from mbusweb.locale import gettext as _
from mbusweb.own_password import OWN, own_password_problem
from mbusweb.render import flash, go_to, page, renderer_of
from mbusweb.role_texts import role_choices, role_names
from mbusweb.services import BaseServices

PATH: Final = "/users"
ADD: Final = f"{PATH}/add"
PASSWORD: Final = f"{PATH}/{{name}}/password"
ROLE: Final = f"{PATH}/{{name}}/role"
DELETE: Final = f"{PATH}/{{name}}/delete"
_LONGEST_SHOWN: Final = 64


def router(services: BaseServices) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()
    _add_list(routes, services)
    _add_password(routes, services)
    if services.access.rules.roles:
        _add_role(routes, services)
    _add_delete(routes, services)
    return routes


def _add_list(routes: APIRouter, services: BaseServices) -> None:
    access = services.access

    @routes.get(PATH)
    async def show(request: Request) -> Response:
        users = access.users()
        return page(
            request,
            "users.html",
            users=users,
            role_names=role_names(access.rules.roles),
            most=access.rules.most_users,
            is_full=len(users) >= access.rules.most_users,
            is_last=len(users) <= 1,
        )

    @routes.get(ADD)
    async def add_form(request: Request) -> Response:
        return _add_page(request, services)

    @routes.post(ADD)
    async def add(request: Request, who: Asking) -> Response:
        values = await form_values(request)
        name, role = values.get("name", ""), values.get("role", "")
        problems = await new_password_problems(request, services, values)
        if not problems:
            try:
                await access.add_user(
                    name, values.get("password", ""), role=role, who=who.user, source=who.source
                )
            except AccessError as error:
                problems[error.field or "name"] = access_problem(error)
        if problems:
            return _add_page(request, services, name[:_LONGEST_SHOWN], role, problems)
        flash(request, "success", _("The user was added."))
        return go_to(request, PATH)


def _add_password(routes: APIRouter, services: BaseServices) -> None:
    @routes.get(PASSWORD)
    async def password_form(request: Request, name: str) -> Response:
        user = _find(services, name)
        return _page(request, "user_password.html", user.name) if user else _gone(request)

    @routes.post(PASSWORD)
    async def change_password(request: Request, name: str, who: Asking) -> Response:
        user, values = _find(services, name), await form_values(request)
        if user is None:
            return _gone(request)
        problems = await new_password_problems(request, services, values)
        if not problems:
            try:
                await services.access.change_password(
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


def _add_role(routes: APIRouter, services: BaseServices) -> None:
    @routes.get(ROLE)
    async def role_form(request: Request, name: str) -> Response:
        user = _find(services, name)
        return _role_page(request, services, user.name, user.role) if user else _gone(request)

    @routes.post(ROLE)
    async def change_role(request: Request, name: str, who: Asking) -> Response:
        user, values = _find(services, name), await form_values(request)
        if user is None:
            return _gone(request)
        role = values.get("role", "")
        problem = await own_password_problem(request, services, values.get(OWN, ""))
        problems = {OWN: problem} if problem else {}
        if not problems:
            try:
                await services.access.set_role(user.name, role, who=who.user, source=who.source)
            except AccessError as error:
                problems["role"] = access_problem(error)
        if problems:
            return _role_page(request, services, user.name, role, problems)
        flash(request, "success", _("The role was changed."))
        return go_to(request, renderer_of(request).product.home if user.name == who.user else PATH)


def _add_delete(routes: APIRouter, services: BaseServices) -> None:
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
            await services.access.delete_user(user.name, who=who.user, source=who.source)
        except AccessError as error:
            return _page(request, "user_delete.html", user.name, {"name": access_problem(error)})
        if user.name == who.user:
            return go_to(request, "/login")
        flash(request, "success", _("The user was deleted."))
        return go_to(request, PATH)


async def new_password_problems(
    request: Request, services: BaseServices, values: dict[str, str]
) -> dict[str, str]:
    """Look at the passwords of a form: the new one twice, and the own one."""
    if values.get("password", "") != values.get("again", ""):
        return {"again": _("The two passwords differ.")}
    problem = await own_password_problem(request, services, values.get(OWN, ""))
    return {OWN: problem} if problem else {}


def _add_page(
    request: Request,
    services: BaseServices,
    name: str = "",
    role: str = "",
    problems: dict[str, str] | None = None,
) -> Response:
    return page(
        request,
        "user_add.html",
        status=422 if problems else 200,
        name=name,
        role=role,
        roles=role_choices(services.access.rules.roles),
        problems=problems or {},
    )


def _role_page(
    request: Request, services: BaseServices, name: str, role: str, problems: dict[str, str] | None = None
) -> Response:
    return page(
        request,
        "user_role.html",
        status=422 if problems else 200,
        name=name,
        role=role,
        roles=role_choices(services.access.rules.roles),
        problems=problems or {},
    )


def _page(request: Request, template: str, name: str, problems: dict[str, str] | None = None) -> Response:
    return page(request, template, status=422 if problems else 200, name=name, problems=problems or {})


def _find(services: BaseServices, name: str) -> User | None:
    return next((user for user in services.access.users() if user.name == name), None)


def _gone(request: Request) -> Response:
    flash(request, "error", _("There is no such user any more."))
    return go_to(request, PATH)
