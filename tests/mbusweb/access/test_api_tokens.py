"""API tokens: shown once, kept as a hash, bounded, revoked at once."""

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from mbusweb.access import Access, AccessKind, Problem, TokenError, UserError
from mbusweb.access.database import FILE_NAME
from mbusweb.access.rows import MOST_TOKENS
from support.access import GOOD, OTHER, Clocks, open_access

HERE = "192.168.1.7"


@pytest.fixture
async def user(access: Access) -> Access:
    await access.add_user("a", GOOD)
    return access


async def test_a_token_stands_for_its_user_also_after_a_restart(tmp_path: Path, clocks: Clocks) -> None:
    with open_access(tmp_path, clocks) as before:
        await before.add_user("Jana", GOOD)
        token, secret = await before.create_token("jana", "  meter   export ", source=HERE)
    assert token.title == "meter export"
    assert secret.startswith("mbm_")
    with open_access(tmp_path, clocks) as after:
        user = after.token(secret, source=HERE)
        assert user is not None
        assert user.name == "Jana"


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def test_only_a_hash_of_a_token_is_on_the_disk(tmp_path: Path, user: Access) -> None:
    _, secret = await user.create_token("a", "export")
    written = everything_in(tmp_path)
    assert secret.encode() not in written
    assert secret[4:].encode() not in written


async def test_a_revoked_token_is_out_at_once(user: Access) -> None:
    token, secret = await user.create_token("a", "export")
    await user.revoke_token("a", token.id, source=HERE)
    assert user.token(secret, source=HERE) is None
    assert user.tokens("a") == ()
    assert [entry.kind for entry in user.audit.entries()][:2] == [
        AccessKind.TOKEN_REVOKED,
        AccessKind.TOKEN_CREATED,
    ]


async def test_nobody_revokes_the_token_of_another_user(user: Access) -> None:
    await user.add_user("b", OTHER)
    token, secret = await user.create_token("a", "export")
    with pytest.raises(TokenError) as refused:
        await user.revoke_token("b", token.id)
    assert refused.value.kind is Problem.NO_SUCH_TOKEN
    assert user.token(secret, source=HERE) is not None


async def test_a_token_ends_at_its_time(user: Access, clocks: Clocks) -> None:
    _, secret = await user.create_token("a", "export", clocks.now + timedelta(days=1))
    clocks.pass_by(86_399)
    assert user.token(secret, source=HERE) is not None
    clocks.pass_by(1)
    assert user.token(secret, source=HERE) is None


async def test_a_user_has_twenty_tokens_at_the_most_and_those_that_ended_make_room(
    user: Access, clocks: Clocks
) -> None:
    for number in range(MOST_TOKENS):
        await user.create_token("a", f"token {number}", clocks.now + timedelta(days=1))
    with pytest.raises(TokenError) as refused:
        await user.create_token("a", "one more")
    assert refused.value.kind is Problem.TOO_MANY_TOKENS
    clocks.pass_by(86_400)
    await user.create_token("a", "one more")
    assert [token.title for token in user.tokens()] == ["one more"]


@pytest.mark.parametrize("title", ["", "  ", "x" * 65, "a\x00b", "a\u202eb"])
async def test_a_title_is_one_short_line(user: Access, title: str) -> None:
    with pytest.raises(TokenError) as refused:
        await user.create_token("a", title)
    assert refused.value.field == "title"


async def test_an_end_in_the_past_is_refused_and_so_is_a_user_who_is_not_there(
    user: Access, clocks: Clocks
) -> None:
    with pytest.raises(TokenError) as refused:
        await user.create_token("a", "export", clocks.now)
    assert refused.value.field == "expires"
    with pytest.raises(UserError):
        await user.create_token("nobody", "export")


async def test_the_last_use_is_written_once_a_minute_at_the_most(
    tmp_path: Path, user: Access, clocks: Clocks
) -> None:
    _, secret = await user.create_token("a", "export")
    assert user.tokens()[0].last_used is None
    first = clocks.now
    for _ in range(59):
        user.token(secret, source=HERE)
        clocks.pass_by(1)
    user.audit.entries()
    assert (user.tokens()[0].last_used, user.tokens()[0].last_source) == (first, HERE)
    clocks.pass_by(1)
    user.token(secret, source="10.0.0.9")
    user.audit.entries()
    assert (user.tokens()[0].last_used, user.tokens()[0].last_source) == (clocks.now, "10.0.0.9")
    with sqlite3.connect(tmp_path / FILE_NAME) as file:
        assert file.execute("SELECT generation FROM state").fetchone() == (3,), "uses change nobody's rights"
    file.close()


@pytest.mark.parametrize(
    "secret", ["", "mbm_", "mbm_" + "A" * 43, "x" * 47, "mbm_" + "\ud800" * 43, "x" * 100_000]
)
async def test_any_other_text_is_no_token(user: Access, secret: str) -> None:
    await user.create_token("a", "export")
    assert user.token(secret, source=HERE) is None


async def test_a_new_password_leaves_the_tokens(user: Access) -> None:
    _, secret = await user.create_token("a", "export")
    await user.change_password("a", OTHER)
    assert user.token(secret, source=HERE) is not None
