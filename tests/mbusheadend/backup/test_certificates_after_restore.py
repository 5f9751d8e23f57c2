"""Masters that got a new certificate after the backup are not locked out by bringing it back; others stay out."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from mbusheadend.backup import make_backup, restore
from mbusheadend.state import authority_of, open_store
from mbusheadend.store import Store
from mbusmaster.hosting.link_errors import HeadEndRefusedError
from support.headend import Site, call, running
from support.headend_messages import LATER, SERIAL, START, enrol

NUMBER = 0x1234
UNTIL = START + timedelta(days=400)


async def restored(tmp_path: Path) -> Store:
    """Give a store that was backed up with one master, and brought back a day later."""
    store = open_store(tmp_path / "state")
    await enrol(store)
    await store.add_certificate(SERIAL, 1, UNTIL, START)
    path = await make_backup(
        store, authority_of(tmp_path / "state"), tmp_path / "state", tmp_path / "b.tar", START
    )
    assert not await store.take_back(SERIAL, NUMBER, UNTIL)
    store.close()
    restore(path, tmp_path / "other", lambda: "", lambda: LATER)
    return open_store(tmp_path / "other")


async def test_a_certificate_that_the_backup_lacks_is_trusted_and_can_be_revoked(tmp_path: Path) -> None:
    store = await restored(tmp_path)
    assert not await store.is_trusted(NUMBER)
    assert await store.take_back(SERIAL, NUMBER, UNTIL)
    assert await store.is_trusted(NUMBER)
    assert {one.number for one in await store.certificates(SERIAL)} == {1, NUMBER}
    await store.revoke_certificate(NUMBER, LATER)
    assert not await store.take_back(SERIAL, NUMBER, UNTIL)
    assert not await store.take_back(SERIAL, NUMBER + 1, UNTIL)
    store.close()


@pytest.mark.parametrize("how", ["stranger", "revoked", "deleted", "taken in again"])
async def test_one_of_a_master_that_is_not_known_or_was_revoked_is_not(tmp_path: Path, how: str) -> None:
    store = await restored(tmp_path)
    serial = SERIAL
    match how:
        case "stranger":
            serial = "M9"
        case "revoked":
            await store.revoke_master(SERIAL, LATER)
        case "deleted":
            await store.delete_master(SERIAL, LATER)
        case _:
            # As when a token is used: perhaps the machine with that certificate was lost.
            await store.revoke_master(SERIAL, LATER + timedelta(days=1))
            await store.add_certificate(SERIAL, 2, UNTIL, LATER + timedelta(days=1))
    assert not await store.take_back(serial, NUMBER, UNTIL)
    assert not await store.is_trusted(NUMBER)
    store.close()


async def contact(site: Site, serial: str) -> None:
    async with site.link(serial) as link:
        await link.contact(call(serial), 0)


async def test_a_master_that_renewed_its_certificate_after_the_backup_goes_on_and_one_revoked_since_does_not(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as site:
        await site.enrol("M1")
        await site.enrol("M2")
        state = site.folder / "head-end"
        path = await make_backup(site.store, site.authority, state, tmp_path / "b.tar", site.clock())
        site.clock_there.ahead = timedelta(days=300)
        for serial in ("M1", "M2"):
            before = site.credentials(serial).load()
            await contact(site, serial)
            after = site.credentials(serial).load()
            assert before is not None
            assert after is not None
            assert after.identity != before.identity
        port = site.port
    state.rename(tmp_path / "lost")
    await asyncio.to_thread(restore, path, state, lambda: "")
    async with running(tmp_path, listen=(f"127.0.0.1:{port}",)) as site:
        await site.store.revoke_master("M2", site.clock())
        await contact(site, "M1")
        assert len(await site.store.certificates("M1")) == 2
        with pytest.raises(HeadEndRefusedError):
            await contact(site, "M2")
