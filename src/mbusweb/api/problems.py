"""Errors of the API as problem details (RFC 9457)."""

import json
from collections.abc import Mapping
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from mbusweb.access import AccessError, LoginError
from mbusweb.access import Problem as Kind
from mbusweb.access_problems import access_problem
from mbusweb.error_pages import texts_of
from mbusweb.errors import NeedsLoginError, NeedsUserError, NotAllowedError
from mbusweb.locale import gettext as _

_MOST_FIELDS: Final = 100
_LONGEST_TEXT: Final = 500
_MEDIA_TYPE: Final = "application/problem+json"
_STATUS_OF: Final = {
    Kind.NO_SUCH_USER: 404,
    Kind.NO_SUCH_TOKEN: 404,
    Kind.NAME_TAKEN: 409,
    Kind.TOO_MANY_USERS: 409,
    Kind.LAST_USER: 409,
    Kind.LAST_ADMIN: 409,
    Kind.NOT_FACTORY: 409,
    Kind.TOO_MANY_TOKENS: 409,
    Kind.WRONG_LOGIN: 401,
    Kind.SETUP_ONLY: 403,
    Kind.WAIT: 429,
    Kind.BUSY: 503,
    Kind.UNUSABLE: 503,
}
"""What is wrong with users and tokens; all else is 422."""


class FieldProblem(BaseModel):
    """What is wrong with one field, setting or line."""

    field: str
    detail: str


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] = Field(default=[], description="Field by field, where that can be said.")


_MEANINGS: Final = {
    400: "The request cannot be read",
    401: "A token or a login is needed, or the one given is no good",
    403: "This is not possible for this caller, or from here",
    404: "There is no such thing",
    409: "This is not possible now",
    413: "The body is too long",
    421: "The host is none of this machine's names",
    422: "Something given cannot be taken",
    429: "Too many failed logins: wait as Retry-After says",
    501: "This machine, or this release, cannot do that",
    503: "Too much at the same time, or a file cannot be used",
}
_DECLARED: Final[dict[int, dict[str, Any]]] = {
    status: {
        "description": meaning,
        "content": {_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for status, meaning in _MEANINGS.items()
}


def declared(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Give the description of errors, for ``responses`` of a route."""
    return {status: _DECLARED[status] for status in statuses}


def problem(
    status: int,
    detail: str = "",
    *,
    errors: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Answer with a problem; whatever is in the texts, the answer can be written.

    :param errors: what is wrong, by field.
    """
    title, reason = texts_of(status)
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": (detail or reason)[: 4 * _LONGEST_TEXT],
    }
    if errors:
        fields = list(errors.items())[:_MOST_FIELDS]
        body["errors"] = [{"field": field, "detail": text[:_LONGEST_TEXT]} for field, text in fields]
    return Response(json.dumps(body), status, dict(headers or {}), media_type=_MEDIA_TYPE)


def handle_errors(api: FastAPI) -> None:
    """Answer every error of the API."""

    @api.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        detail = _("There is nothing of this name or number.") if error.status_code == 404 else ""
        return problem(error.status_code, detail, headers=error.headers)

    @api.exception_handler(RequestValidationError)
    async def not_understood(request: Request, error: RequestValidationError) -> Response:
        errors = {_place(one["loc"]): str(one["msg"]) for one in error.errors()[:_MOST_FIELDS]}
        return problem(422, "; ".join(f"{field}: {text}" for field, text in errors.items()), errors=errors)

    @api.exception_handler(ClientDisconnect)
    async def gone(request: Request, error: ClientDisconnect) -> Response:
        return problem(400)

    @api.exception_handler(NotAllowedError)
    async def not_allowed(request: Request, error: NotAllowedError) -> Response:
        return problem(403, str(error))

    @api.exception_handler(NeedsLoginError)
    async def needs_login(request: Request, error: NeedsLoginError) -> Response:
        return problem(401, headers={"www-authenticate": "Bearer"})

    @api.exception_handler(NeedsUserError)
    async def needs_user(request: Request, error: NeedsUserError) -> Response:
        return problem(403, _("The default user may only make a user."))

    @api.exception_handler(AccessError)
    async def access_refused(request: Request, error: AccessError) -> Response:
        return _access_refusal(error)

    @api.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> Response:
        return problem(500)


def _access_refusal(error: AccessError) -> Response:
    text = access_problem(error)
    headers: dict[str, str] = {}
    if isinstance(error, LoginError) and error.wait_seconds:
        headers["retry-after"] = str(max(1, round(error.wait_seconds)))
    if error.kind is Kind.WRONG_LOGIN:
        headers["www-authenticate"] = "Bearer"
    errors = {error.field: text} if error.field else None
    return problem(_STATUS_OF.get(error.kind, 422), text, errors=errors, headers=headers)


def _place(location: tuple[int | str, ...]) -> str:
    parts = location[1:] if location[:1] in (("body",), ("query",), ("path",)) else location
    return ".".join(map(str, parts))[:200] or "body"
