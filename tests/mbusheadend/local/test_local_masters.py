"""Local masters: what may be written down, which keys and lists are taken."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from mbusheadend.local import (
    Credentials,
    LocalError,
    add_master,
    change_master,
    delete_master,
    import_list,
)
from mbusheadend.store import Store, UnknownError
from mbusheadend.store.local import Kept
from mbusio.listreading import Patience
from support.certificates import Authority, Pem
from support.headend_messages import SERIAL, enrol

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HEAT = "852467982D2C3504"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def pem_bundle(client: Pem, authority: Authority) -> bytes:
    return client.key.read_bytes() + client.certificate.read_bytes() + authority.pem.read_bytes()


def pkcs12_bundle(client: Pem, authority: Authority, passphrase: str) -> bytes:
    key = serialization.load_pem_private_key(client.key.read_bytes(), None)
    certificate = x509.load_pem_x509_certificate(client.certificate.read_bytes())
    locked = serialization.BestAvailableEncryption(passphrase.encode())
    return pkcs12.serialize_key_and_certificates(
        b"me",
        key,  # type: ignore[arg-type]
        certificate,
        [authority.certificate],
        locked,
    )


async def test_a_master_is_added_changed_and_deleted(store: Store) -> None:
    serial = await add_master(store, name=" cellar ", url=" tcp://192.0.2.7 ", now=NOW)
    assert serial.startswith("local-")
    master = await store.master(serial)
    assert (master.name, master.local and master.local.url) == ("cellar", "tcp://192.0.2.7")
    patience = Patience(2400, 9600, 1.0, 1)
    await change_master(store, serial, name="roof", url="/dev/ttyUSB0?baud=9600", patience=patience)
    master = await store.master(serial)
    assert master.name == "roof"
    assert master.local is not None
    assert master.local.patience == patience
    await delete_master(store, serial, NOW)
    with pytest.raises(UnknownError):
        await store.master(serial)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nowhere", "names no master"),
        ("tcp://192.0.2.7/x", "names no master"),
        ("tcp://192.0.2.7\n", ""),
        ("tcp://192.0.2.7\x00", "names no master"),
        ("tcp://" + "a" * 300, "names no master"),
        ("/etc/shadow", "no serial port"),
        ("/dev/../etc/shadow", "no serial port"),
        ("//dev/ttyUSB0", "no serial port"),
        ("serial:///etc/shadow", "no serial port"),
        ("./bus", "no serial port"),
        ("tls://192.0.2.7?ca=/etc/ssl/x.pem", "Leave files out"),
        ("tls://192.0.2.7?bundle=/root/x.p12", "Leave files out"),
        ("/dev/ttyUSB0?baud=38400", "baud rates must rise"),
    ],
)
async def test_what_makes_no_sense_is_refused(store: Store, url: str, says: str) -> None:
    if not says:
        # Blanks around it are nobody's fault.
        assert await add_master(store, name="cellar", url=url, now=NOW)
        return
    with pytest.raises(LocalError, match=says):
        await add_master(store, name="cellar", url=url, now=NOW)
    assert await store.masters() == ()


@pytest.mark.parametrize("name", ["", "  ", "a" * 65, "a\x07b"])
async def test_a_name_is_printable(store: Store, name: str) -> None:
    with pytest.raises(LocalError, match="1 to 64 printable"):
        await add_master(store, name=name, url="tcp://192.0.2.7", now=NOW)


@pytest.mark.parametrize("passphrase", [None, "a secret"])
async def test_a_bundle_is_kept_without_its_passphrase_by_the_store_until_the_master_is_deleted(
    store: Store, authority: Authority, passphrase: str | None
) -> None:
    client = authority.issue("client")
    bundle = (
        pem_bundle(client, authority) if passphrase is None else pkcs12_bundle(client, authority, passphrase)
    )
    serial = await add_master(
        store,
        name="cellar",
        url="tls://192.0.2.7",
        now=NOW,
        credentials=Credentials(bundle, passphrase),
    )
    assert await store.local_keys_kept(serial) == Kept(client=True, authority=True)
    keys = await store.local_keys(serial)
    assert keys.client is not None
    assert keys.client.startswith(b"-----BEGIN PRIVATE KEY-----")
    assert keys.client.endswith(authority.pem.read_bytes())
    assert keys.authority == authority.pem.read_bytes()
    assert "PRIVATE" not in repr(keys)
    await delete_master(store, serial, NOW)
    with pytest.raises(UnknownError):
        await store.local_keys(serial)


async def test_useless_keys_are_refused_and_change_nothing(store: Store, authority: Authority) -> None:
    client, other = authority.issue("client"), authority.issue("other")
    serial = await add_master(
        store,
        name="cellar",
        url="tls://192.0.2.7",
        now=NOW,
        credentials=Credentials(pem_bundle(client, authority)),
    )
    kept = await store.local_keys(serial)
    mixed = other.key.read_bytes() + client.certificate.read_bytes()
    locked = pkcs12_bundle(client, authority, "a secret")
    for credentials, says in (
        (Credentials(b"nonsense"), "cannot be used"),
        (Credentials(mixed), "cannot be used"),
        (Credentials(locked), "passphrase is needed"),
        (Credentials(locked, "wrong"), "passphrase is wrong"),
        (Credentials(b"x" * (1 << 19)), "too large"),
        (Credentials(authority=b"nonsense"), "no certificate of an authority"),
        (Credentials(authority=b"\xff"), "no certificate of an authority"),
    ):
        with pytest.raises(LocalError, match=says):
            await change_master(
                store,
                serial,
                name="roof",
                url="tls://192.0.2.7",
                patience=Patience(),
                credentials=credentials,
            )
    assert await store.local_keys(serial) == kept
    assert (await store.master(serial)).name == "cellar"


async def test_a_list_is_imported_whole_or_not_at_all(store: Store) -> None:
    serial = await add_master(store, name="cellar", url="tcp://192.0.2.7", now=NOW)
    bad = await import_list(store, serial, b"primary_address\n5\n300\n", NOW)
    assert (bad.report.taken, bad.report.problem_count, bad.new) == (False, 1, ())
    assert await store.meters(serial) == ()
    data = f"secondary_address,primary_address,note\n{HEAT},5,cellar\n,7,\n".encode()
    good = await import_list(store, serial, data, NOW)
    assert (good.report.taken, good.report.added, len(good.new)) == (True, 2, 2)
    assert {meter.place.address for meter in await store.meters(serial) if meter.place} == {HEAT, "7"}
    again = await import_list(store, serial, data, NOW)
    assert (again.report.added, again.report.unchanged, again.new) == (0, 2, ())


async def test_of_a_list_with_several_buses_one_is_named(store: Store) -> None:
    serial = await add_master(store, name="cellar", url="tcp://192.0.2.7", now=NOW)
    data = b"primary_address,bus\n5,north\n7,south\n"
    with pytest.raises(LocalError, match="several buses \\(north, south\\)"):
        await import_list(store, serial, data, NOW)
    with pytest.raises(LocalError, match="no meter on the bus east"):
        await import_list(store, serial, data, NOW, bus="east")
    taken = await import_list(store, serial, data, NOW, bus="south")
    assert taken.report.added == 1


async def test_meters_of_a_master_that_calls_stay_there(store: Store) -> None:
    await enrol(store, SERIAL)
    await store.add_meters(SERIAL, [("main", HEAT, None, "")], NOW)
    serial = await add_master(store, name="cellar", url="tcp://192.0.2.7", now=NOW)
    taken = await import_list(store, serial, f"secondary_address\n{HEAT}\n".encode(), NOW)
    assert (taken.elsewhere, taken.new) == ((HEAT,), ())
    assert await store.meters(serial) == ()


async def test_a_master_that_calls_is_not_touched_by_local_reading(store: Store) -> None:
    await enrol(store, SERIAL)
    with pytest.raises(LocalError, match="not read locally"):
        await import_list(store, SERIAL, b"primary_address\n5\n", NOW)
    with pytest.raises(LocalError, match="not read locally"):
        await delete_master(store, SERIAL, NOW)
    with pytest.raises(LocalError, match="not read locally"):
        await change_master(store, SERIAL, name="x", url="tcp://192.0.2.7", patience=Patience())
    assert (await store.master(SERIAL)).local is None
