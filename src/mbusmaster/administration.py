"""Users, clients and head-end of a master, from the command line, whether it runs or not; a running one notices at once."""

import getpass
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO, Final

from mbusmaster.channels.trust import Trust, TrustError
from mbusmaster.settings import Store
from mbusmaster.settings.sections.system import HostingSettings
from mbusmaster.system.erase import Eraser, erase_if_asked, hold
from mbusmaster.users import RULES
from mbusweb.access import add_user_offline
from mbusweb.access import reset_users as reset

ERASE_WORD: Final = "erase"


def reset_users(state: Path) -> None:
    """Delete all users, sessions and tokens; the default user is back. Raise `AccessStoreError`."""
    aside = reset(state, RULES)
    if aside is not None:
        print(f"the file of the users could not be used; it is kept as {aside}")
    print("all users, logins and API tokens are gone; the default user can log in from the setup interface")


def add_user(state: Path, name: str, ask: Callable[[str], str] = getpass.getpass) -> None:
    """Add a user; the password is asked for, or is the first line of standard input. Raise an `AccessError`."""
    added = add_user_offline(state, name, _password(f"Password for {name}: ", ask), RULES)
    print(f"user {added} added")


def add_client(state: Path, name: str, target: Path | None, days: int | None, *, encrypt: bool) -> None:
    """Issue a bundle for a client of the secured channel and write it to a file that only its owner can read.

    :param target: ``*.pem`` or ``*.p12``; None is NAME.p12 in the current folder.
    :param encrypt: protect it by a passphrase, which is asked for or is the first line of standard input.

    Raise `TrustError`.
    """
    path = target or Path(f"{name}.p12")
    if path.suffix not in (".p12", ".pfx", ".pem"):
        raise TrustError(f"{path} must end in .p12 or .pem")
    passphrase = _password(f"Passphrase for {path}: ", getpass.getpass) if encrypt else None
    # The file comes first: a bundle that cannot be written would be trusted and lost.
    with _trust(state) as trust, _new_file(path) as file:
        bundle = trust.issue(name, passphrase, **({} if days is None else {"days": days}))
        file.write(bundle.pem() if path.suffix == ".pem" else bundle.pkcs12())
    print(f"client {name}: {path}, valid until {bundle.expires:%Y-%m-%d}; the key is nowhere else")


def list_clients(state: Path, *, as_json: bool) -> None:
    """Print the clients of the secured channel. Raise `TrustError`."""
    with _trust(state) as trust:
        clients = trust.clients()
    if as_json:
        print(json.dumps([asdict(client) for client in clients], default=str))
        return
    for client in clients:
        condition = (
            f"revoked {client.revoked:%Y-%m-%d}" if client.revoked else f"until {client.expires:%Y-%m-%d}"
        )
        print(f"{client.id[:16]}  {client.name:<32}  {client.origin:<10}  {condition}")


def revoke_client(state: Path, client: str) -> None:
    """Trust a client no more, by name or id. Raise `TrustError`."""
    with _trust(state) as trust:
        revoked = trust.revoke(client)
    print(f"client {revoked.name} is trusted no more")


def enrol(state: Path, url: str, token: str, serial: str, settings: HostingSettings) -> None:
    """Let a head-end take this master in; a running gateway calls it from its next contact on.

    :param token: as it was copied; ``-`` reads it from standard input, so that no list of processes shows it.
    :param serial: number of this machine, as the gateway knows it.
    :param settings: of hosted reading.

    Raise `mbusmaster.hosting.errors.SaidError`.
    """
    from mbusmaster.hosting.credentials import FOLDER
    from mbusmaster.hosting.enrolment import enrol

    if token == "-":  # noqa: S105 - a place to read it from
        token = _password("Token: ", getpass.getpass)
    with _as_owner(state):
        enrolled = enrol(url, token, serial, state / FOLDER, settings.proxy)
    print(
        f"this master, {serial}, is enrolled at {enrolled.place}; its certificate is valid until "
        f"{enrolled.current.expires:%Y-%m-%d}, and is renewed by itself"
    )
    if not settings.enabled:
        print("hosting is switched off: the page Hosting switches it on, or enabled = true in [hosting]")


def erase(state: Path, store: Store, *, sure: bool, ask: Callable[[str], str] = input) -> None:
    """Erase all data of a gateway after a question; a running one does it when it is restarted.

    :param store: of the settings.
    :param sure: leave the question out.

    Raise `EraseError` or `SettingsError`.
    """
    eraser = Eraser(state)
    print(
        "users, meters, readings, keys, certificates, logs and settings of this gateway will be gone for good"
    )
    for name in eraser.foreign():
        print(f"{state / name} is not the gateway's and stays")
    if not sure and ask(f'Type "{ERASE_WORD}" to erase them: ').strip() != ERASE_WORD:
        print("nothing was erased")
        return
    eraser.request()
    held = hold(state)
    if held is None:
        print("a gateway runs here: its data is erased when it is restarted, so restart it now")
        return
    try:
        erase_if_asked(state, store)
    finally:
        os.close(held)
    print("all data is erased; flash memory may keep copies that only a laboratory can read")


@contextmanager
def _as_owner(state: Path) -> Iterator[None]:
    """Be who the gateway is, where this is root: it must be able to use the files, and may have put links in their way."""
    if os.geteuid() != 0:
        yield
        return
    owner = state.stat()
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


@contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    """Open a new file for its owner only; take it away again when the block fails."""
    try:
        with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            try:
                yield file
            except BaseException:
                path.unlink()
                raise
    except OSError as error:
        raise TrustError(f"cannot write {path}: {error.strerror}") from error


@contextmanager
def _trust(state: Path) -> Iterator[Trust]:
    trust = Trust(state / "trust")
    try:
        yield trust
    finally:
        trust.close()


def _password(prompt: str, ask: Callable[[str], str]) -> str:
    return ask(prompt) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
