from pathlib import Path

import pytest

from mbusheadend.roles import ADMIN, OPERATOR, READER, ROLES
from mbusheadend.web.app import create_pages
from support.headend_web import HOST, PASSWORD, USER, WebClient, headend_services, headend_web

FOR_ADMINS = ("/users", "/users/add", f"/users/{USER}/role", "/audit", "/audit/download")
FOR_ALL = ("/overview", "/tokens", "/password", "/languages")


async def test_without_a_login_every_page_leads_to_the_login_which_leads_back(tmp_path: Path) -> None:
    async with headend_services(tmp_path) as services:
        await services.access.add_user(USER, PASSWORD, role=ADMIN)
        async with WebClient(create_pages(services, (HOST,)), services) as client:
            assert (await client.get("/")).headers["location"] == "/login?next=/"
            for path in (*FOR_ADMINS, "/overview", "/tokens", "/password"):
                answer = await client.get(path)
                assert (answer.status_code, answer.headers["location"]) == (303, f"/login?next={path}")
            text = (await client.show("/login")).text
            assert [
                path for path in ("/overview", "/tokens", "/users") if f'<li><a href="{path}"' in text
            ] == []
            answer = await client.submit("/login", name=USER, password=PASSWORD, next="/tokens")
            assert "<h1>API tokens</h1>" in answer.text


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_opens_its_pages_and_the_menu_shows_no_others(role: str, tmp_path: Path) -> None:
    async with headend_web(tmp_path, role) as client:
        for path in FOR_ALL:
            assert (await client.get(path)).status_code == 200, path
        wanted = 200 if role == ADMIN else 403
        for path in FOR_ADMINS:
            assert (await client.get(path)).status_code == wanted, path
        menu = (await client.show("/overview")).text
        assert ('href="/users"' in menu) is (role == ADMIN)


async def test_another_role_holds_at_once_also_for_what_is_open_and_for_tokens(tmp_path: Path) -> None:
    async with headend_web(tmp_path) as client:
        access = client.services.access
        token = await client.token()
        await access.add_user("petra", PASSWORD, role=ADMIN)
        assert (await client.get("/audit")).status_code == 200
        await access.set_role(USER, READER, who="petra")
        assert (await client.get("/audit")).status_code == 403
        client.cookies.clear()
        assert (await client.ask("GET", "/me", headers=token)).json()["roles"] == [READER]
        assert (await client.ask("GET", "/audit", headers=token)).status_code == 403
        assert client.audited("role changed") == [f"{USER}: {READER}"]


async def test_a_program_may_no_more_than_its_token(tmp_path: Path) -> None:
    async with headend_web(tmp_path) as client:
        reading, all_of_it = await client.token(READER), await client.token()
        client.cookies.clear()
        assert (await client.ask("GET", "/me", headers=reading)).json()["roles"] == [READER]
        assert (await client.ask("GET", "/users", headers=reading)).status_code == 403
        users = (await client.ask("GET", "/users", headers=all_of_it)).json()
        assert [(user["name"], user["role"]) for user in users] == [(USER, ADMIN)]
        given = {"name": USER, "password": PASSWORD, "title": "plots", "role": OPERATOR}
        made = (await client.ask("POST", "/tokens", json=given)).json()
        assert made["token"]["role"] == OPERATOR
        assert made["secret"].startswith("mbh_")


async def test_no_user_makes_a_token_that_may_more_than_the_user(tmp_path: Path) -> None:
    async with headend_web(tmp_path, READER) as client:
        answer = await client.submit("/tokens", title="x", days="30", role=ADMIN, own=PASSWORD)
        assert answer.status_code == 422
        assert client.services.access.tokens() == ()
        client.cookies.clear()
        given = {"name": USER, "password": PASSWORD, "title": "x", "role": ADMIN}
        assert (await client.ask("POST", "/tokens", json=given)).status_code == 422


async def test_an_administrator_adds_users_gives_roles_and_deletes(tmp_path: Path) -> None:
    async with headend_web(tmp_path) as client:
        await client.show("/users/add")
        new = {"password": "tractor+Vodomer 19", "again": "tractor+Vodomer 19", "own": PASSWORD}
        text = (await client.submit("/users/add", {"name": "otto", "role": OPERATOR, **new})).text
        assert "The user was added." in text
        assert ">Operator<span" in text
        text = (await client.submit("/users/otto/role", role=READER, own=PASSWORD)).text
        assert "The role was changed." in text
        answer = await client.submit(f"/users/{USER}/role", role=READER, own=PASSWORD)
        assert answer.status_code == 422
        assert "One user who may do everything must stay." in answer.text
        answer = await client.submit(f"/users/{USER}/delete", own=PASSWORD)
        assert answer.status_code == 422
        assert "The user was deleted." in (await client.submit("/users/otto/delete", own=PASSWORD)).text


async def test_every_user_changes_the_own_password(tmp_path: Path) -> None:
    async with headend_web(tmp_path, READER) as client:
        await client.show("/password")
        new = "tractor+Vodomer 19"
        answer = await client.submit("/password", own="wrong", password=new, again=new)
        assert answer.status_code == 422
        assert (
            "The password was changed."
            in (await client.submit("/password", own=PASSWORD, password=new, again=new)).text
        )
        await client.submit("/logout")
        assert "<h1>Overview</h1>" in (await client.log_in(password=new)).text


async def test_the_first_administrator_is_made_with_the_link_once(tmp_path: Path) -> None:
    async with headend_web(tmp_path, None) as client:
        link = client.services.first_admin.link
        assert "no longer good" in (await client.show("/first-user?key=guess")).text
        await client.show(link)
        given = {"name": "anna", "password": PASSWORD, "again": PASSWORD}
        assert "no longer good" in (await client.submit("/first-user", {"key": "guess", **given})).text
        key = link.partition("key=")[2]
        assert (
            "you may do everything here" in (await client.submit("/first-user", {"key": key, **given})).text
        )
        assert [(user.name, user.role) for user in client.services.access.users()] == [("anna", ADMIN)]
        assert client.services.first_admin.link == ""
        await client.submit("/logout")
        assert "no longer good" in (await client.show(link)).text


async def test_no_default_user_can_log_in(tmp_path: Path) -> None:
    async with headend_web(tmp_path, None) as client:
        await client.show("/login")
        answer = await client.submit("/login", name="user", password="Kamstrup1")
        assert answer.status_code == 401
        assert "default user" not in answer.text


async def test_a_login_of_a_master_on_the_same_machine_is_none_here(tmp_path: Path) -> None:
    async with headend_web(tmp_path) as client:
        assert [cookie.name for cookie in client.cookies.jar if "session" in cookie.name] == [
            "__Host-mbusheadend_session"
        ]


async def test_a_foreign_host_name_reaches_nothing(tmp_path: Path) -> None:
    async with headend_web(tmp_path) as client:
        assert (await client.get("/overview", headers={"host": "evil.example"})).status_code == 421
