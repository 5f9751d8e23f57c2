"""The parts of the API, put together."""

from collections.abc import Sequence
from types import ModuleType
from typing import Final

from fastapi import FastAPI, Request
from starlette.responses import Response

from mbusheadend.errors import HeadEndError
from mbusheadend.fleet.reading_now import ReadError
from mbusheadend.jobs import JobError
from mbusheadend.rollout.errors import RolloutError
from mbusheadend.store import ChangedError, StoreError, StoreRefusedError, UnknownError
from mbusheadend.tunnel import TunnelError, Why
from mbusheadend.web.problem_texts import read_problem, refusal_text
from mbusheadend.web.product import PRODUCT
from mbusheadend.web.services import Services
from mbusweb.api.assembly import Description, assemble
from mbusweb.api.problems import problem
from mbusweb.events import Streams
from mbusweb.locale import said

TAGS: Final = {
    "users": "Who may log in, and the tokens of programs.",
    "fleet": "Masters: how they are, taking them in, reading now.",
    "meters": "Meters: lists, groups, keys.",
    "readings": "What was read: values, consumption, completeness, export.",
    "schedules": "When which meters are read.",
    "alarms": "What is wrong, and who is told.",
    "local": "Reading a master directly.",
    "tunnels": "Reading the bus of a hosted master with one's own software, by way of the head-end.",
    "system": "Jobs, audit log, backup, firmware.",
}
_TEXT: Final = """\
Everything the pages can do. A program shows a token in the header `Authorization: Bearer …`; it may what the role of its
token allows: `reader`, `operator`, `admin`, each all that the one before may. A page has its session, and sends `X-CSRF-Token`
with each change. Times are UTC. Errors are problem details (RFC 9457), in the language of `Accept-Language`.
"""


def assemble_api(services: Services, modules: Sequence[ModuleType], streams: Streams) -> FastAPI:
    """Put the API together."""
    return assemble(PRODUCT, services, streams, modules, Description(_TEXT, TAGS), _handle_errors)


def _handle_errors(api: FastAPI) -> None:
    @api.exception_handler(UnknownError)
    async def unknown(request: Request, error: UnknownError) -> Response:
        return problem(404, str(error))

    @api.exception_handler(StoreRefusedError)
    async def not_taken(request: Request, error: StoreRefusedError) -> Response:
        return problem(422, refusal_text(error))

    @api.exception_handler(ChangedError)
    async def changed(request: Request, error: ChangedError) -> Response:
        return problem(409, refusal_text(error))

    @api.exception_handler(ReadError)
    async def not_read(request: Request, error: ReadError) -> Response:
        return problem(409, read_problem(error))

    @api.exception_handler(TunnelError)
    async def no_tunnel(request: Request, error: TunnelError) -> Response:
        return problem(503 if error.why in (Why.TOO_MANY, Why.OFF) else 409, str(error))

    @api.exception_handler(RolloutError)
    async def no_rollout(request: Request, error: RolloutError) -> Response:
        return problem(409, said(error.text))

    @api.exception_handler(JobError)
    async def no_job(request: Request, error: JobError) -> Response:
        return problem(409, said(error.text))

    @api.exception_handler(StoreError)
    async def store_failed(request: Request, error: StoreError) -> Response:
        return problem(503, str(error))

    @api.exception_handler(HeadEndError)
    async def refused(request: Request, error: HeadEndError) -> Response:
        return problem(503, str(error))
