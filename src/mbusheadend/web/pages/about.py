"""What runs here: version, licences."""

from importlib.metadata import PackageNotFoundError, distribution
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusheadend.web.door import READER
from mbusheadend.web.services import Services
from mbusweb.render import page

DOOR: Final = READER
PATH: Final = "/about"
_ALL: Final = (
    "argon2-cffi", "cryptography", "fastapi", "jinja2", "prometheus-client", "pyarrow", "pydantic", "pyserial",
    "python-multipart", "serialx", "starlette", "tuf", "uvicorn", "uvloop",
)  # fmt: skip
"""Libraries of others that the head-end works with, where they are there."""
_IN_THE_BROWSER: Final = (
    ("htmx", "0BSD"), ("htmx-ext-sse", "0BSD"), ("Pico CSS", "MIT"), ("uPlot", "MIT"),
)  # fmt: skip


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()

    @routes.get(PATH)
    async def show(request: Request) -> Response:
        return page(
            request,
            "about.html",
            version=_library("mbusmaster")[0],
            url=services.desk.url,
            libraries=[(name, *_library(name)) for name in _ALL if _library(name)[0]],
            in_the_browser=_IN_THE_BROWSER,
        )

    return routes


def _library(name: str) -> tuple[str, str]:
    """Give version and licence of a library; empty where it is not there."""
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return "", ""
    facts = found.metadata.json
    said = str(facts.get("license_expression", ""))
    names = [
        str(one).rpartition(" :: ")[2]
        for one in facts.get("classifier", ())
        if str(one).startswith("License ::")
    ]
    return found.version, said or ", ".join(names) or str(facts.get("license", "")).partition("\n")[0][:60]
