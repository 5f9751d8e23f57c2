"""A store of one file, brought over to a server."""

from contextlib import closing
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from mbusheadend.alarms.rules import MailServer, Rule, Webhook
from mbusheadend.decoding.keys import Vault
from mbusheadend.store import Store, StoreRefusedError
from mbusheadend.store.browsing import GroupKind
from mbusheadend.store.local import LocalKeys, LocalPlace
from mbusheadend.store.postgres import moving
from mbusheadend.store.postgres.moving import move
from mbusheadend.store.postgres.store import PostgresStore
from mbusheadend.store.sqlite.store import SqliteStore
from mbusio.listreading import Patience
from support.headend_messages import LATER, SERIAL, START, batch, contact, enrol, listed, reading
from support.headend_meters import ADDRESS, KEY, encrypted, number_of, telegram
from support.postgres import shared_server

pytestmark = pytest.mark.peers

COUNT = 30
LOCAL = "local-1"
KEYS = LocalKeys(b"client", b"authority")
HOUR = timedelta(hours=1)
RULE = Rule(id="hook", target=Webhook(url="https://example.org/alarms"))
MAIL = MailServer(host="mail.example.org", user="me", sender="me@example.org")


@pytest.fixture
def url() -> str:
    return shared_server().database()


async def filled(folder: Path) -> Path:
    """Make a store with something of everything."""
    path = folder / "store.db"
    with closing(SqliteStore(path, Vault.from_file(folder / "keys"))) as store:
        await enrol(store, SERIAL, "M2")
        await store.note_contact(SERIAL, contact(meters=listed(ADDRESS), meter_list="1"), START)
        await store.set_master(SERIAL, name="Mühlweg 3", groups=["heat"])
        await store.add_certificate(SERIAL, 0xABC, LATER, START)
        await store.write_note("n", "body")
        await store.add_local_master(LOCAL, "cellar", LocalPlace("tls://192.0.2.7", Patience()), START, KEYS)
        for n in range(COUNT):
            when = START - timedelta(days=700) + n * timedelta(days=25)
            frames = [encrypted(n, n) if n % 2 else telegram(energy=n, access=n)]
            await store.take(SERIAL, batch(reading(n, ADDRESS, frames, taken=when, remark="x\0y")), when)
        await store.take("M2", batch(reading(77, ADDRESS, [telegram()], bus="b2"), serial="M2"), LATER)
        await store.take(SERIAL, batch(reading(78, "5", [telegram()])), LATER)
        await store.set_key(await number_of(store), KEY)
    return path


async def content(store: Store) -> object:
    span = (START - timedelta(days=900), START + timedelta(days=900))
    readings = [(await store.readings(meter.id, *span)).readings for meter in await store.meters()]
    return (
        await store.masters(),
        await store.meters(),
        await store.certificates(SERIAL),
        await store.groups(GroupKind.MASTERS),
        [[(one.id, one.taken, one.telegrams, one.decoded) for one in some] for some in readings],
        await store.quarantine(),
        await store.local_keys(LOCAL),
    )


async def test_everything_is_there_and_goes_on_where_it_was(url: str, tmp_path: Path) -> None:
    path = await filled(tmp_path)
    told: list[tuple[str, int]] = []
    moved = {one.table: one.rows for one in move(path, url, lambda *one: told.append(one))}
    assert (moved["reading"], moved["master"]) == (COUNT + 1, 3)
    assert ("reading", COUNT + 1) in told
    vault = Vault.from_file(tmp_path / "keys")
    with closing(SqliteStore(path, vault)) as before, closing(PostgresStore(url, vault=vault)) as after:
        assert await content(after) == await content(before)
        await after.take(SERIAL, batch(reading(99, ADDRESS, [encrypted(9, 9)], taken=START + HOUR)), LATER)
        await after.take("M2", batch(reading(98, "9", [], taken=START), serial="M2"), LATER)
        numbers = [one.number for one in await after.newest_arrivals(3)]
        assert numbers == [COUNT + 3, COUNT + 2, COUNT + 1]
    assert PostgresStore.tenant_of_certificate(url, 0xABC) == 1


async def test_secrets_are_sealed_under_the_key_file_of_the_place_where_they_come_to(
    url: str, tmp_path: Path
) -> None:
    path = await filled(tmp_path)
    here, there = Vault.from_file(tmp_path / "keys"), Vault.from_file(tmp_path / "others")
    with closing(SqliteStore(path, here)) as store:
        await store.put_alarm_rule(RULE, "a secret")
        await store.put_mail_server(MAIL, "a password")
    with pytest.raises(StoreRefusedError, match="key file"):
        move(path, url, lambda *_: None, keys=(there, here))
    move(path, url, lambda *_: None, keys=(here, there))
    with closing(SqliteStore(path, here)) as before, closing(PostgresStore(url, vault=there)) as after:
        assert await content(after) == await content(before)
        assert await after.closed_keys() == 0
        assert await after.rule_secret(RULE.id) == "a secret"
        assert await after.mail_password() == "a password"
        assert await after.local_keys(LOCAL) == KEYS


async def test_broken_off_it_goes_on_when_it_is_begun_again(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await filled(tmp_path)
    monkeypatch.setattr(moving, "PIECE", 7)

    def stop(table: str, rows: int) -> None:
        if table == "reading" and rows >= 14:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        move(path, url, stop)
    pieces: list[int] = []
    move(path, url, lambda table, rows: pieces.append(rows) if table == "reading" else None)
    assert pieces == [21, 28, COUNT + 1]


async def test_what_differs_is_told(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = await filled(tmp_path)

    def change(table: str, rows: int) -> None:
        if table == "reading":
            with psycopg.connect(url) as connection:
                connection.execute("SET mbus.tenant = 1")
                connection.execute("UPDATE master SET name = 'other'")

    with pytest.raises(StoreRefusedError, match="master differs"):
        move(path, url, change)


async def test_a_store_in_use_and_a_server_with_another_store_are_refused(url: str, tmp_path: Path) -> None:
    path = await filled(tmp_path)
    with closing(SqliteStore(path)), pytest.raises(StoreRefusedError, match="in use"):
        move(path, url, lambda *_: None)
    other = shared_server().database()
    with closing(PostgresStore(other)) as store:
        await enrol(store, "M7")
    with pytest.raises(StoreRefusedError, match="already"):
        move(path, other, lambda *_: None)
    with pytest.raises(StoreRefusedError, match="no store"):
        move(tmp_path / "none", url, lambda *_: None)
