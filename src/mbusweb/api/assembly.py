"""The parts of an API, put together."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.responses import Response

from mbusweb.api import PREFIX
from mbusweb.api.callers import api_guard
from mbusweb.api.models import as_json
from mbusweb.api.problems import Problem, declared, handle_errors
from mbusweb.events import Streams
from mbusweb.pages import door_of
from mbusweb.product import Product
from mbusweb.services import BaseServices

DOCUMENT: Final = "/openapi.json"


@dataclass(frozen=True, slots=True)
class Description:
    """What the document says beside the operations.

    :ivar text: of the whole, in Markdown.
    :ivar tags: groups of operations, each with a sentence.
    """

    text: str
    tags: Mapping[str, str]


def assemble(
    product: Product,
    services: BaseServices,
    streams: Streams,
    modules: Sequence[ModuleType],
    description: Description,
    handle_more: Callable[[FastAPI], None],
) -> FastAPI:
    """Put an API together.

    :param handle_more: adds handlers of errors that only this product has.
    """
    api = FastAPI(
        title=product.name,
        version="1",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        generate_unique_id_function=_operation_id,
        responses=declared(401, 403, 421, 422),
    )
    api.state.access = services.access
    api.state.streams = streams
    handle_errors(api)
    handle_more(api)
    for module in modules:
        check = getattr(module, "CHECK", None) or api_guard(door_of(module))
        router: APIRouter = module.router(services)
        api.include_router(router, dependencies=[Depends(check)])
    _add_document(api, product, description)
    return api


def _operation_id(route: APIRoute) -> str:
    return route.name


def _add_document(api: FastAPI, product: Product, description: Description) -> None:
    """Add the description, which is made when it is first asked for and kept as text only."""
    text = b""

    async def document(request: Request) -> Response:
        nonlocal text
        text = text or await asyncio.to_thread(_document, api, product, description)
        return Response(text, media_type="application/json")

    api.add_route(DOCUMENT, document, include_in_schema=False)


def _document(api: FastAPI, product: Product, description: Description) -> bytes:
    document = get_openapi(
        title=api.title,
        version=api.version,
        description=description.text,
        routes=api.routes,
        tags=[{"name": name, "description": text} for name, text in description.tags.items()],
        servers=[{"url": PREFIX}],
        separate_input_output_schemas=False,
    )
    document["components"]["securitySchemes"]["session"]["name"] = product.session_cookie
    schemas = document["components"]["schemas"]
    schemas |= _schemas_of(Problem)
    for path in document["paths"].values():
        for operation in path.values():
            if "requestBody" in operation:
                more = declared(400, 413)
                operation["responses"] |= {str(status): said for status, said in more.items()}
    return as_json(document).encode()


def _schemas_of(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs", {}), model.__name__: schema}
