"""Messages for the next page that browsers carry."""

from dataclasses import replace

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from mbusweb.carried import CarriedFlashes
from mbusweb.render import Flash
from mbusweb.visitor import Visitor

ANNA = Visitor(visit="a" * 43)


def client(key: bytes, whose: Visitor = ANNA) -> httpx.AsyncClient:
    """Give a browser at a process."""
    carried = CarriedFlashes(key, "said")

    async def add(request: Request) -> Response:
        for text in request.query_params.getlist("text"):
            carried.add(whose, Flash("success", text))
        return PlainTextResponse("added")

    async def take(request: Request) -> Response:
        return PlainTextResponse("|".join(one.text for one in carried.take(whose)))

    app = carried.around(Starlette(routes=[Route("/add", add), Route("/take", take)]))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://head-end")


async def said(other: httpx.AsyncClient, cookies: httpx.Cookies) -> str:
    other.cookies = cookies
    return (await other.get("/take")).text


async def test_a_message_is_shown_once_by_whichever_process_comes_next() -> None:
    async with client(b"key") as one, client(b"key") as other:
        await one.get("/add", params={"text": ["Saved.", "Größe"]})
        assert await said(other, one.cookies) == "Saved.|Größe"
        assert await said(one, other.cookies) == ""


async def test_messages_add_up_until_a_page_shows_them_but_not_for_ever() -> None:
    async with client(b"key") as one, client(b"key") as other:
        for number in range(7):
            await one.get("/add", params={"text": str(number)})
        assert await said(other, one.cookies) == "2|3|4|5|6"
        await one.get("/add", params={"text": ["x" * 3000, "short"]})
        assert await said(other, one.cookies) == "short"


async def test_nobody_makes_one_up_or_is_shown_another_ones() -> None:
    async with client(b"key") as one, client(b"other key") as forger:
        await forger.get("/add", params={"text": "Send me your password"})
        assert await said(one, forger.cookies) == ""
    for value in ("", "x", "AAAA", "ü" * 10, "A" * 4000):
        async with client(b"key") as one:
            assert (await one.get("/take", headers=[(b"cookie", f"__Host-said={value}".encode())])).text == ""
    async with client(b"key") as one, client(b"key", replace(ANNA, visit="b" * 43)) as other:
        await one.get("/add", params={"text": "for Anna"})
        assert await said(other, one.cookies) == ""
