from pathlib import Path
from typing import Any

import httpx
import pytest

from mbusweb.access import LoginError
from support.web import WebClient, web_client

OWN = "a long passphrase"
OTHER = "another long passphrase"


async def add(client: WebClient, name: str, **values: str) -> str:
    return (await send(client, name=name, **values)).text


async def send(client: WebClient, **values: Any) -> httpx.Response:
    form: dict[str, Any] = {"name": "bert", "password": OTHER, "again": OTHER, "own": OWN, **values}
    return await client.submit("/users/add", **form)


async def test_only_users_see_the_list(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        assert (await client.show("/users")).url.path == "/login"
        answer = await client.log_in("user", "Kamstrup1")
        assert (await client.show("/users")).url.path == "/first-user"
        assert answer.status_code == 200


async def test_a_user_is_added_and_can_log_in(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        assert "Add user" in (await client.show("/users")).text
        assert "At least 12 characters" in (await client.show("/users/add")).text
        text = await add(client, "bert")
        assert "The user was added." in text
        assert "bert" in text
        await client.services.access.log_in("bert", OTHER, source="192.0.2.9", setup=True)
        entry = client.services.audit.entries(kind="user added")[0]
        assert (entry.who, entry.source, entry.detail) == ("anna", "192.0.2.7", "bert")


async def test_what_is_wrong_is_said_at_the_field(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        await client.show("/users/add")
        for values, field, text in (
            ({"name": "a b"}, "name", "A name is made of letters"),
            ({"name": "ANNA"}, "name", "There is a user of this name already."),
            ({"password": "short", "again": "short"}, "password", "at least 12 characters"),
            ({"again": "something else"}, "again", "The two passwords differ."),
            ({"own": "not mine at all"}, "own", "This is not your password."),
        ):
            answer = await send(client, **values)
            assert answer.status_code == 422
            assert f'id="{field}-problem" class="problem">' in answer.text
            assert text in answer.text
            assert OTHER not in answer.text
        assert [user.name for user in client.services.access.users()] == ["anna"]


async def test_whoever_guesses_the_own_password_waits(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        await client.show("/users/add")
        texts = [await add(client, "bert", own="not mine at all") for _ in range(8)]
        assert "This is not your password." in texts[0]
        assert "Too many attempts. Try again in" in texts[-1]


async def test_there_are_five_users_at_the_most(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        for name in ("bert", "carl", "dora", "emil"):
            await client.services.access.add_user(name, OTHER)
        text = (await client.show("/users")).text
        assert '<button type="button" disabled aria-describedby="full">Add user</button>' in text
        assert "There are as many users as there can be" in text
        assert "There are as many users as there can be" in await add(client, "fritz")


async def test_a_new_password_ends_the_users_other_logins_but_not_this_one(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        access = client.services.access
        elsewhere = await access.log_in("anna", OWN, source="192.0.2.9", setup=True)
        await client.show("/users/anna/password")
        answer = await client.submit("/users/anna/password", own=OWN, password=OTHER, again=OTHER)
        assert "The password was changed." in answer.text
        assert answer.url.path == "/users"
        assert access.session(elsewhere.id) is None
        await access.log_in("anna", OTHER, source="192.0.2.9", setup=True)


async def test_a_user_is_deleted_behind_a_question(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        await client.services.access.add_user("bert", OTHER)
        assert 'href="/users/bert/delete"' in (await client.show("/users")).text
        assert "Delete the user bert?" in (await client.show("/users/bert/delete")).text
        assert "This is not your password." in (await client.submit("/users/bert/delete", own="no")).text
        answer = await client.submit("/users/bert/delete", own=OWN)
        assert "The user was deleted." in answer.text
        assert [user.name for user in client.services.access.users()] == ["anna"]
        answer = await client.submit("/users/bert/delete", own=OWN)
        assert "There is no such user any more." in answer.text


async def test_the_last_user_stays(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        text = (await client.show("/users")).text
        assert "/users/anna/delete" not in text
        assert "The last user cannot be deleted." in text
        await client.show("/users/anna/delete")
        assert "The last user cannot be deleted." in (await client.submit("/users/anna/delete", own=OWN)).text
        assert not client.services.access.is_factory


async def test_who_deletes_oneself_is_out(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        await client.services.access.add_user("bert", OTHER)
        assert "This is yourself" in (await client.show("/users/anna/delete")).text
        answer = await client.submit("/users/anna/delete", own=OWN)
        assert answer.url.path == "/login"
        with pytest.raises(LoginError):
            await client.services.access.log_in("anna", OWN, source="192.0.2.9", setup=True)
