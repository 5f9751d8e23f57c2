"""Users and tokens as rows of the file: each function is part of a transaction that its caller makes."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from mbusweb.access.connection import Connection
from mbusweb.access.errors import Problem, TokenError, UserError
from mbusweb.access.names import key_of
from mbusweb.access.rules import Rules

MOST_TOKENS: Final = 20
"""Of one user."""


@dataclass(frozen=True, slots=True)
class User:
    """A user, as a page shows one. Times are UTC.

    :ivar role: what the user may; empty where the product has no roles. That of the bearer of a token is the lower one.
    :ivar last_login: None if there was none; does not make two users different.
    """

    id: int
    name: str
    created: datetime
    password_changed: datetime
    last_login: datetime | None = field(compare=False)
    role: str = ""


@dataclass(frozen=True, slots=True)
class Token:
    """An API token, as a page shows one: without the secret, which nobody can see again. Times are UTC.

    :ivar user: name of the user whose it is.
    :ivar expires: None for one that does not end by itself.
    :ivar last_used: to the minute; None if never.
    """

    id: int
    user: str
    title: str
    created: datetime
    expires: datetime | None
    last_used: datetime | None
    last_source: str
    role: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """What is needed to let a user in.

    :ivar epoch: grows with each new password; sessions of another epoch have ended.
    """

    user: User
    key: str
    epoch: int
    hash: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PackedUser:
    """A user as an encrypted backup has one."""

    name: str
    hash: str = field(repr=False)
    role: str = ""


@dataclass(frozen=True, slots=True)
class TokenKey:
    """What is needed to let a program in."""

    id: int
    user: User
    expires: datetime | None
    role: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """Everything that decides about a login, as it is in the file.

    :ivar generation: grows with each change of it.
    :ivar era: grows with each reset and with the first own user; sessions of the default user of another era have ended.
    :ivar is_set_up: somebody has made an own user once; a reset does not change that.
    :ivar accounts: by the key of the name.
    :ivar tokens: by the hash of the secret.
    """

    generation: int
    era: int
    is_set_up: bool
    accounts: dict[str, Account] = field(repr=False)
    tokens: dict[bytes, TokenKey] = field(repr=False)

    @property
    def is_factory(self) -> bool:
        """Nobody has made an own user: the default one is there."""
        return not self.accounts


def load(connection: Connection) -> Kept:
    """Read it all, which is little."""
    generation, era, is_set_up = connection.execute(
        "SELECT generation, era, is_set_up FROM state WHERE id = 1"
    ).fetchone()
    rows = connection.execute(
        "SELECT id, name, created, password_changed, last_login, role, key, epoch, hash FROM users ORDER BY key"
    ).fetchall()
    accounts = {row[6]: Account(_user(row), *row[6:]) for row in rows}
    users = {account.user.id: account.user for account in accounts.values()}
    tokens = {
        digest: TokenKey(token, users[user], from_text(expires), role)
        for digest, token, user, expires, role in connection.execute(
            'SELECT digest, id, "user", expires, role FROM tokens'
        )
    }
    return Kept(generation, era, bool(is_set_up), accounts, tokens)


def users(connection: Connection) -> tuple[User, ...]:
    """List the users in the order of their names."""
    rows = connection.execute(
        "SELECT id, name, created, password_changed, last_login, role FROM users ORDER BY key"
    )
    return tuple(map(_user, rows))


def add_user(
    connection: Connection,
    name: str,
    hashed: str,
    at: datetime,
    rules: Rules,
    *,
    role: str = "",
    first: bool,
    further: bool = False,
) -> bool:
    """Add a user; tell whether it is the first, who must have the highest role. Raise `UserError`.

    :param first: it must be the first; :param further: it must not.
    """
    found = [row[0] for row in connection.execute("SELECT key FROM users")]
    if further and not found:
        raise UserError("all users were reset in the meantime", Problem.NOT_FACTORY, "name")
    check_room(found, name, rules, role, first=first)
    connection.execute(
        "INSERT INTO users (key, name, hash, created, password_changed, role) VALUES (?, ?, ?, ?, ?, ?)",
        (key_of(name), name, hashed, as_text(at), as_text(at), role),
    )
    if not found:
        connection.execute("UPDATE state SET is_set_up = 1, era = era + 1")
    _changed(connection)
    return not found


def check_room(found: list[str], name: str, rules: Rules, role: str, *, first: bool) -> None:
    """Raise `UserError` if a user of this name cannot come to those with the keys found."""
    if first and found:
        message = "somebody else has made the first user in the meantime; log in as that user"
        raise UserError(message, Problem.NOT_FACTORY, "name")
    if key_of(name) in found:
        raise UserError("there is a user of this name already", Problem.NAME_TAKEN, "name")
    check_role(rules, role)
    if not found and role != rules.highest:
        raise UserError(f"the first user must have the role {rules.highest}", Problem.LAST_ADMIN, "role")
    if len(found) >= rules.most_users:
        message = f"there are {rules.most_users} users at the most; delete one first"
        raise UserError(message, Problem.TOO_MANY_USERS)


def check_role(rules: Rules, role: str) -> None:
    """Raise `UserError` if the product has no such role."""
    if role not in (rules.roles or ("",)):
        raise UserError(f"a role is one of: {', '.join(rules.roles)}", Problem.ROLE, "role")


def set_role(connection: Connection, name: str, role: str, rules: Rules) -> None:
    """Give a user another role; one with the highest stays. Raise `UserError`."""
    check_role(rules, role)
    if role != rules.highest:
        _keep_one_with_all_rights(connection, name, rules)
    done = connection.execute("UPDATE users SET role = ? WHERE key = ?", (role, key_of(name)))
    if not done.rowcount:
        raise no_such_user()
    _changed(connection)


def set_password(connection: Connection, name: str, hashed: str, at: datetime) -> None:
    """Give a user a new password. Raise `UserError`."""
    done = connection.execute(
        "UPDATE users SET hash = ?, epoch = epoch + 1, password_changed = ? WHERE key = ?",
        (hashed, as_text(at), key_of(name)),
    )
    if not done.rowcount:
        raise no_such_user()
    _changed(connection)


def replace_hash(connection: Connection, user: int, old: str, new: str) -> None:
    """Put another hash of the same password in the place of an old one."""
    connection.execute("UPDATE users SET hash = ? WHERE id = ? AND hash = ?", (new, user, old))
    _changed(connection)


def delete_user(connection: Connection, name: str, rules: Rules) -> None:
    """Delete a user with all tokens, but never the last one, nor the last with the highest role. Raise `UserError`."""
    found = [row[0] for row in connection.execute("SELECT key FROM users")]
    if key_of(name) not in found:
        raise no_such_user()
    if len(found) == 1:
        raise UserError("the last user cannot be deleted; add another one first", Problem.LAST_USER)
    _keep_one_with_all_rights(connection, name, rules)
    connection.execute("DELETE FROM users WHERE key = ?", (key_of(name),))
    _changed(connection)


def logged_in(connection: Connection, user: int, at: datetime) -> None:
    """Remember when a user came last."""
    connection.execute("UPDATE users SET last_login = ? WHERE id = ?", (as_text(at), user))


def wipe(connection: Connection) -> None:
    """Delete all users and tokens; the default user is back."""
    connection.execute("DELETE FROM users")
    connection.execute("UPDATE state SET era = era + 1")
    _changed(connection)


def restore(connection: Connection, accounts: list[PackedUser], at: datetime, rules: Rules) -> None:
    """Put other users in the place of all; their tokens are gone. Raise `UserError`."""
    wipe(connection)
    # The first one must be one who may all.
    for account in sorted(accounts, key=lambda one: one.role != rules.highest):
        add_user(connection, account.name, account.hash, at, rules, role=account.role, first=False)


def tokens(connection: Connection, user: str | None) -> tuple[Token, ...]:
    """List the tokens of a user, or of all."""
    rows = connection.execute(
        "SELECT tokens.id, users.name, title, tokens.created, expires, last_used, last_source, tokens.role, users.key"
        ' FROM tokens JOIN users ON users.id = tokens."user" ORDER BY tokens.id'
    )
    return tuple(_token(row) for row in rows if user is None or row[8] == key_of(user))


def add_token(
    connection: Connection,
    user: str,
    title: str,
    digest: bytes,
    at: datetime,
    expires: datetime | None,
    role: str,
) -> Token:
    """Add a token; those of the user that have ended make room. Raise `TokenError`, `UserError`."""
    owner = connection.execute("SELECT id, name FROM users WHERE key = ?", (key_of(user),)).fetchone()
    if owner is None:
        raise no_such_user()
    connection.execute('DELETE FROM tokens WHERE "user" = ? AND expires <= ?', (owner[0], as_text(at)))
    count = connection.execute('SELECT count(*) FROM tokens WHERE "user" = ?', (owner[0],)).fetchone()[0]
    if count >= MOST_TOKENS:
        message = f"a user has {MOST_TOKENS} tokens at the most; revoke one first"
        raise TokenError(message, Problem.TOO_MANY_TOKENS)
    made = connection.execute(
        'INSERT INTO tokens ("user", title, digest, created, expires, role) VALUES (?, ?, ?, ?, ?, ?) RETURNING id',
        (owner[0], title, digest, as_text(at), expires and as_text(expires), role),
    ).fetchone()
    _changed(connection)
    return Token(made[0], owner[1], title, at, expires, None, "", role)


def delete_token(connection: Connection, user: str, token: int) -> str:
    """Delete a token of a user; give its title. Raise `TokenError`."""
    row = connection.execute(
        'DELETE FROM tokens WHERE id = ? AND "user" = (SELECT id FROM users WHERE key = ?) RETURNING title',
        (token, key_of(user)),
    ).fetchone()
    if row is None:
        raise TokenError("there is no such token", Problem.NO_SUCH_TOKEN)
    _changed(connection)
    return str(row[0])


def token_used(connection: Connection, token: int, at: datetime, source: str) -> None:
    """Remember when and from where a token was used."""
    connection.execute(
        "UPDATE tokens SET last_used = ?, last_source = ? WHERE id = ?", (as_text(at), source, token)
    )


def as_text(at: datetime) -> str:
    """Give a time as it is kept: UTC, to the millisecond, in an order that texts have too."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


def from_text(text: str | None) -> datetime | None:
    """Read it back."""
    return None if text is None else datetime.fromisoformat(text)


def no_such_user() -> UserError:
    """Give what is raised where a user is not there."""
    return UserError("there is no such user", Problem.NO_SUCH_USER, "name")


def _keep_one_with_all_rights(connection: Connection, name: str, rules: Rules) -> None:
    if rules.roles:
        others = "SELECT count(*) FROM users WHERE role = ? AND key != ?"
        if not connection.execute(others, (rules.highest, key_of(name))).fetchone()[0]:
            message = f"one user with the role {rules.highest} must stay"
            raise UserError(message, Problem.LAST_ADMIN, "role")


def _changed(connection: Connection) -> None:
    connection.execute("UPDATE state SET generation = generation + 1")


def _user(row: tuple[Any, ...]) -> User:
    created, changed = datetime.fromisoformat(row[2]), datetime.fromisoformat(row[3])
    return User(row[0], row[1], created, changed, from_text(row[4]), row[5])


def _token(row: tuple[Any, ...]) -> Token:
    created = datetime.fromisoformat(row[3])
    return Token(row[0], row[1], row[2], created, from_text(row[4]), from_text(row[5]), row[6], row[7])
