from pathlib import Path

from fastapi import APIRouter

from mbusmaster.web.api import assembly
from mbusweb.api.callers import Calling
from support.web import web_client


class ForUsers:
    @staticmethod
    def router(services: object) -> APIRouter:
        routes = APIRouter()

        @routes.get("/who")
        @routes.post("/who")
        async def who(calling: Calling) -> str:
            return calling.user

        return routes


async def test_the_status_is_open_and_as_described(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        status = (await client.get("/api/v1/status")).json()
        assert status["time"] == "2026-11-22T09:08:07Z"
        assert status["lamps"]["power"] == {"colour": "red", "is_flashing": False}
        described = (await client.get("/api/v1/openapi.json")).json()
        assert described["servers"] == [{"url": "/api/v1"}]
        assert "/status" in described["paths"]
        assert "/login" not in described["paths"]


async def test_errors_are_problem_details(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        answer = await client.get("/api/v1/nowhere")
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == 404
        await client.show("/status")
        answer = await client.post("/api/v1/status", headers={"x-csrf-token": client.csrf})
        assert answer.status_code == 405


async def test_a_token_is_not_called_bad_where_nobody_can_tell(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        _token, secret = await client.services.access.create_token("anna", "for the test")
        client.cookies.clear()
        bearer = {"authorization": f"Bearer {secret}"}
        assert (await client.get("/api/v1/meters", headers=bearer)).status_code == 200
        damaged = tmp_path / "damaged"
        damaged.write_bytes(b"no list of users" * 1000)
        damaged.replace(tmp_path / "access.db")
        answer = await client.get("/api/v1/meters", headers=bearer)
        assert answer.status_code == 503
        assert "www-authenticate" not in answer.headers


async def test_a_token_lets_a_program_in_and_a_page_needs_more_than_its_cookie(
    tmp_path: Path, monkeypatch: object
) -> None:
    monkeypatch.setattr(assembly, "MODULES", (*assembly.MODULES, ForUsers))  # type: ignore[attr-defined]
    async with web_client(tmp_path) as client:
        assert (await client.get("/api/v1/who")).status_code == 401
        assert (await client.get("/api/v1/who")).headers["www-authenticate"] == "Bearer"
        await client.log_in()
        assert (await client.get("/api/v1/who")).json() == "anna"
        assert (await client.post("/api/v1/who")).status_code == 403
        await client.show("/status")
        good = {"x-csrf-token": client.csrf}
        assert (await client.post("/api/v1/who", headers=good)).json() == "anna"
        _token, secret = await client.services.access.create_token("anna", "for the test")
        client.cookies.clear()
        bearer = {"authorization": f"Bearer {secret}"}
        assert (await client.post("/api/v1/who", headers=bearer)).json() == "anna"
        wrong = {"authorization": "Bearer mbm_no"}
        assert (await client.get("/api/v1/status", headers=wrong)).status_code == 401
