"""No password, no token, no id of a session in any log, any repr, any exception, or on the disk."""

import logging
import traceback
from pathlib import Path

import pytest

from mbusmaster.users import RULES
from mbusweb.access import AccessError, reset_users
from support.access import GOOD, OTHER, open_access

TYPED_AS_NAME = "my-secret-lamp-77"
REFUSED = "Password1234"
HERE = "192.168.1.7"


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def test_no_secret_gets_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    seen: list[str] = []
    with open_access(tmp_path) as access:
        await access.add_user("a", GOOD)
        await access.add_user("b", OTHER)
        session = await access.log_in("a", GOOD, source=HERE, setup=False)
        token, secret = await access.create_token("a", "export")
        user = access.token(secret, source=HERE)
        secrets = [GOOD, OTHER, TYPED_AS_NAME, REFUSED, session.id, session.csrf, secret]
        hashes = [account.hash for account in access._usable().accounts.values()]
        for attempt in (
            access.add_user("c", REFUSED),
            access.add_user("c", GOOD[:8]),
            access.add_user(TYPED_AS_NAME * 2, GOOD),
            access.change_password(TYPED_AS_NAME, GOOD),
            access.log_in(TYPED_AS_NAME, GOOD, source=HERE, setup=False),
            access.log_in("a", OTHER, source=HERE, setup=False),
            access.import_secrets(GOOD.encode()),
            access.revoke_token("b", token.id),
        ):
            with pytest.raises(AccessError) as refused:
                await attempt
            # Without the lines of the source, which are this test's own.
            error = traceback.TracebackException.from_exception(refused.value, lookup_lines=False)
            seen += [
                str(refused.value),
                repr(refused.value),
                *(str(line) for line in error.format_exception_only()),
            ]
        await access.change_password("a", OTHER, keep=session)
        seen += [
            repr(thing)
            for thing in (access, session, user, token, access.users(), access.tokens(), access._kept)
        ]
        seen += [repr(vars(access._sessions)), repr(vars(access._logins)), repr(access.audit.entries())]
        seen += [repr(vars(access._logins._throttle))]
        seen += access.audit.csv()
        await access.delete_user("b")
        reset_users(tmp_path, RULES)
        assert access.is_factory
        written = everything_in(tmp_path)
    seen += [caplog.text]
    together = "\n".join(seen)
    for text in secrets:
        assert text.encode() not in written
        assert text not in together
    for hashed in hashes:
        assert hashed not in together


async def test_what_is_deleted_is_not_left_in_the_file(tmp_path: Path) -> None:
    with open_access(tmp_path) as access:
        await access.add_user("a", GOOD)
        old = next(iter(access._usable().accounts.values())).hash
    assert old.encode() in everything_in(tmp_path)
    with open_access(tmp_path) as access:
        await access.reset()
    assert old.encode() not in everything_in(tmp_path)
