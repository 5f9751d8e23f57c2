"""Keys of local masters: files for OpenSSL for a moment, and those that versions before have left in the state folder."""

import stat
from pathlib import Path

import pytest

from mbusheadend.local.credentials import with_keys
from mbusheadend.local.older import FOLDER, adopt_older, keep_adopting
from mbusheadend.store import Store
from mbusheadend.store.local import Kept, LocalKeys, LocalPlace
from mbusio.listreading import Patience
from mbusio.transport.tls import client_context
from mbusio.transport.url import parse_url
from support.certificates import Authority
from support.headend import running
from support.headend_messages import START
from support.settled import settled

PLACE = LocalPlace("tls://127.0.0.1:1445", Patience())
ONE, TWO, GONE, STRANGE = "local-1", "local-2", "local-3", "local-4"


@pytest.fixture
def keys(tmp_path: Path) -> LocalKeys:
    authority = Authority(tmp_path)
    client = authority.issue("client")
    return LocalKeys(client.key.read_bytes() + client.certificate.read_bytes(), authority.pem.read_bytes())


def leave(state: Path, serial: str, keys: LocalKeys) -> Path:
    """Leave keys as versions before have."""
    folder = state / FOLDER / serial
    folder.mkdir(parents=True)
    if keys.client is not None:
        (folder / "client.pem").write_bytes(keys.client)
    if keys.authority is not None:
        (folder / "authority.pem").write_bytes(keys.authority)
    return folder


async def test_openssl_has_files_for_as_long_as_it_reads_and_no_key_lies_open_in_them(
    store: Store, keys: LocalKeys
) -> None:
    await store.add_local_master(ONE, "cellar", PLACE, START, keys)
    async with with_keys(parse_url(PLACE.url), store, ONE) as endpoint:
        assert endpoint.cert is not None
        assert endpoint.ca is not None
        assert client_context(ca=endpoint.ca, cert=endpoint.cert, passphrase=endpoint.passphrase)
        folder = Path(endpoint.cert).parent
        modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
        assert (stat.S_IMODE(folder.stat().st_mode), modes) == (0o700, {0o600})
        written = (folder / "client.pem").read_bytes()
        assert b"BEGIN ENCRYPTED PRIVATE KEY" in written
        assert b"BEGIN PRIVATE KEY" not in written
        assert endpoint.passphrase is not None
        assert endpoint.passphrase not in repr(endpoint)
    assert not folder.exists()
    async with with_keys(parse_url(f"{PLACE.url}?fingerprint={'a' * 64}"), store, ONE) as endpoint:
        assert (endpoint.cert is not None, endpoint.ca) == (True, None)
    async with with_keys(parse_url("tcp://127.0.0.1"), store, ONE) as endpoint:
        assert (endpoint.cert, endpoint.ca) == (None, None)


async def test_keys_in_the_state_folder_come_into_the_store_once(
    store: Store, keys: LocalKeys, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    newer = LocalKeys(authority=b"newer")
    await store.add_local_master(ONE, "cellar", PLACE, START)
    await store.add_local_master(TWO, "roof", PLACE, START, newer)
    await store.add_local_master(GONE, "yard", PLACE, START)
    await store.delete_master(GONE, START)
    folders = [leave(state, serial, keys) for serial in (ONE, TWO, GONE)]
    strange = leave(state, STRANGE, keys)
    await adopt_older(store, state)
    assert await store.local_keys(ONE) == keys
    assert await store.local_keys(TWO) == LocalKeys(keys.client, newer.authority)
    assert not any(folder.exists() for folder in folders)
    # Perhaps they belong to another store, which is opened the next time.
    assert (strange / "client.pem").read_bytes() == keys.client
    await store.delete_master(ONE, START)
    await adopt_older(store, state)
    assert [one.serial for one in await store.masters()] == [TWO]


async def test_a_folder_with_the_authority_alone_comes_too(
    store: Store, keys: LocalKeys, tmp_path: Path
) -> None:
    await store.add_local_master(ONE, "cellar", PLACE, START)
    leave(tmp_path, ONE, LocalKeys(authority=keys.authority))
    await adopt_older(store, tmp_path)
    assert await store.local_keys_kept(ONE) == Kept(client=False, authority=True)


async def test_where_nothing_was_left_nothing_is_made(store: Store, tmp_path: Path) -> None:
    await keep_adopting(store, tmp_path)
    assert not (tmp_path / FOLDER).exists()


async def test_a_head_end_that_starts_takes_over_what_its_version_before_has_kept(
    keys: LocalKeys, tmp_path: Path
) -> None:
    async with running(tmp_path) as site:
        await site.store.add_local_master(ONE, "cellar", PLACE, START)
    folder = leave(tmp_path / "head-end", ONE, keys)
    async with running(tmp_path) as site:
        await settled(lambda: not folder.exists())
        assert await site.store.local_keys(ONE) == keys
