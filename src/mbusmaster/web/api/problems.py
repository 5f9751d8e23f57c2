"""Errors of the API as problem details (RFC 9457)."""

from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response

from mbusmaster.web.error_pages import problem
from mbusmaster.web.errors import NeedsLoginError, NeedsUserError, NotAllowedError
from mbusmaster.web.locale import gettext as _


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str


PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    "default": {
        "description": "What went wrong",
        "content": {"application/problem+json": {"schema": Problem.model_json_schema()}},
    }
}


def handle_errors(api: FastAPI) -> None:
    """Answer every error of the API."""

    @api.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        return problem(error.status_code, headers=dict(error.headers or {}))

    @api.exception_handler(RequestValidationError)
    async def not_understood(request: Request, error: RequestValidationError) -> Response:
        where = "; ".join(
            f"{'.'.join(map(str, one['loc']))}: {one['msg']}"[:200] for one in error.errors()[:10]
        )
        return problem(422, where)

    @api.exception_handler(NotAllowedError)
    async def not_allowed(request: Request, error: NotAllowedError) -> Response:
        return problem(403, str(error))

    @api.exception_handler(NeedsLoginError)
    async def needs_login(request: Request, error: NeedsLoginError) -> Response:
        return problem(401, headers={"www-authenticate": "Bearer"})

    @api.exception_handler(NeedsUserError)
    async def needs_user(request: Request, error: NeedsUserError) -> Response:
        return problem(403, _("The default user may only make a user, in the browser."))

    @api.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> Response:
        return problem(500)
