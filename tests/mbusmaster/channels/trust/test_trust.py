"""The list of those who are trusted, the bundles that are given out, and the server's own certificate."""

import asyncio
import datetime
import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from mbusio.certificates import FLOOR, SERVER_DAYS
from mbusmaster.channels.trust import (
    Kind,
    Origin,
    Refusal,
    ServerNames,
    Trust,
    TrustedClient,
    TrustError,
    open_trust,
    repair_trust,
    trust,
)
from mbusmaster.channels.trust.registry import MAX_SEEN
from support.certificates import Authority, self_signed

PASSPHRASE = "correct horse"
START = datetime.datetime(2027, 3, 1, 12, tzinfo=datetime.UTC)


class Machine:
    """A clock and names that a test can change."""

    def __init__(self, folder: Path) -> None:
        self.now = START
        self.names = ServerNames(("mbus-1", "mbus-1.local"), ("192.0.2.7", "fe80::1%eth0"), "12345")
        self.folder = folder / "trust"

    def trust(self) -> Trust:
        return Trust(self.folder, lambda: self.names, lambda: self.now)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def der(pem: bytes | Path) -> bytes:
    data = pem.read_bytes() if isinstance(pem, Path) else pem
    return x509.load_pem_x509_certificate(data).public_bytes(serialization.Encoding.DER)


def shown(machine: Machine) -> x509.Certificate:
    return x509.load_pem_x509_certificate((machine.folder / "server.pem").read_bytes())


def refusal(verdict: TrustedClient | Refusal) -> str:
    assert isinstance(verdict, Refusal), verdict
    return verdict.kind


def test_keys_are_readable_by_their_owner_only(machine: Machine) -> None:
    trust = machine.trust()
    trust.server_context()
    trust.issue("a", None)
    assert stat.S_IMODE(machine.folder.stat().st_mode) == 0o700
    for file in machine.folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    trust.close()


def test_all_is_kept_over_a_restart_but_no_client_s_key(machine: Machine) -> None:
    first = machine.trust()
    bundle = first.issue("reader", None)
    key = bundle.pem().split(b"-----END PRIVATE KEY-----")[0].split(b"\n")[1]
    authority = first.authority_pem()
    first.server_context()
    server = shown(machine)
    first.close()
    again = machine.trust()
    again.server_context()
    assert (again.authority_pem(), shown(machine)) == (authority, server)
    assert [client.name for client in again.clients()] == ["reader"]
    assert isinstance(again.judge(der(bundle.pem())), TrustedClient)
    assert not any(key in file.read_bytes() for file in machine.folder.iterdir())
    again.close()


def test_a_bundle_opens_with_its_passphrase_only(machine: Machine) -> None:
    trust = machine.trust()
    bundle = trust.issue("Zähler 1", PASSPHRASE)
    opened = pkcs12.load_pkcs12(bundle.pkcs12(), PASSPHRASE.encode())
    assert opened.key is not None
    assert opened.cert is not None
    assert opened.key.public_key() == opened.cert.certificate.public_key()
    (authority,) = opened.additional_certs
    assert authority.certificate.public_bytes(serialization.Encoding.PEM) == trust.authority_pem()
    with pytest.raises(ValueError, match="password"):
        pkcs12.load_pkcs12(bundle.pkcs12(), b"wrong")
    assert b"ENCRYPTED PRIVATE KEY" in bundle.pem()
    serialization.load_pem_private_key(bundle.pem(), PASSPHRASE.encode())
    assert PASSPHRASE not in repr(bundle)
    trust.close()


@pytest.mark.parametrize(
    ("name", "passphrase", "days", "field"),
    [
        ("", None, 1, "name"),
        (" a", None, 1, "name"),
        ("a\nb", None, 1, "name"),
        ("x" * 65, None, 1, "name"),
        ("é" * 33, None, 1, "name"),
        ("a", "short", 1, "passphrase"),
        ("a", "x" * 257, 1, "passphrase"),
        ("a", None, 0, "days"),
        ("a", None, 10**6, "days"),
    ],
)
def test_what_cannot_be_issued_is_said_at_its_field(
    machine: Machine, name: str, passphrase: str | None, days: int, field: str
) -> None:
    trust = machine.trust()
    with pytest.raises(TrustError) as caught:
        trust.issue(name, passphrase, days=days)
    assert caught.value.field == field
    assert trust.clients() == ()
    trust.close()


def test_a_name_is_free_again_once_its_client_is_revoked_or_expired(machine: Machine) -> None:
    trust = machine.trust()
    trust.issue("reader", None, days=10)
    with pytest.raises(TrustError, match="there is a client reader already"):
        trust.issue("reader", None)
    trust.revoke("reader")
    trust.issue("reader", None, days=10)
    machine.now += datetime.timedelta(11)
    trust.issue("reader", None)
    trust.close()


def test_a_revoked_client_is_refused_for_good(machine: Machine) -> None:
    trust = machine.trust()
    certificate = der(trust.issue("reader", None).pem())
    told: list[int] = []
    forget = trust.subscribe(lambda: told.append(1))
    assert isinstance(trust.judge(certificate), TrustedClient)
    trust.revoke("reader")
    assert told == [1]
    assert refusal(trust.judge(certificate)) == "revoked"
    with pytest.raises(TrustError, match="no client reader"):
        trust.revoke("reader")
    forget()
    trust.issue("reader", None)
    assert told == [1]
    trust.close()


def test_an_expired_client_is_told_apart(machine: Machine) -> None:
    trust = machine.trust()
    certificate = der(trust.issue("reader", None, days=10).pem())
    machine.now += datetime.timedelta(11)
    assert refusal(trust.judge(certificate)) == "expired"
    trust.close()


def test_clients_of_an_authority_come_into_the_list_when_they_come_and_can_be_revoked(
    machine: Machine, tmp_path: Path
) -> None:
    machine.now = datetime.datetime.now(datetime.UTC)
    authority = Authority(tmp_path)
    trust = machine.trust()
    pem = authority.issue("theirs").certificate
    assert refusal(trust.judge(der(pem))) == "unknown authority"
    added = trust.add_foreign(authority.pem.read_bytes())
    assert (added.kind, added.name) == (Kind.AUTHORITY, "test authority")
    assert trust.foreign() == (added,)
    client = trust.judge(der(pem))
    assert isinstance(client, TrustedClient)
    assert trust.clients() == ()
    trust.saw(client)
    assert [(one.name, one.origin) for one in trust.clients()] == [("theirs", Origin.AUTHORITY)]
    trust.revoke(client.id)
    assert refusal(trust.judge(der(pem))) == "revoked"
    # Nor does it come back when the authority goes and comes.
    trust.remove_foreign(added.id)
    trust.add_foreign(authority.pem.read_bytes())
    assert refusal(trust.judge(der(pem))) == "revoked"
    trust.close()


def test_a_client_of_an_authority_can_be_revoked_before_it_ever_came(
    machine: Machine, tmp_path: Path
) -> None:
    machine.now = datetime.datetime.now(datetime.UTC)
    authority = Authority(tmp_path)
    pem = authority.issue("stolen").certificate
    trust = machine.trust()
    trust.add_foreign(authority.pem.read_bytes())
    trust.revoke_certificate(pem.read_bytes())
    assert refusal(trust.judge(der(pem))) == "revoked"
    assert isinstance(trust.judge(der(authority.issue("other").certificate)), TrustedClient)
    trust.close()


def test_a_single_certificate_lets_in_its_client_and_nobody_else(machine: Machine, tmp_path: Path) -> None:
    machine.now = datetime.datetime.now(datetime.UTC)
    authority = Authority(tmp_path)
    mine, other = authority.issue("mine").certificate, authority.issue("other").certificate
    trust = machine.trust()
    added = trust.add_foreign(der(mine), expect=Kind.SINGLE)
    assert isinstance(trust.judge(der(mine)), TrustedClient)
    assert refusal(trust.judge(der(other))) == "unknown authority"
    with pytest.raises(TrustError, match="added already"):
        trust.add_foreign(mine.read_bytes())
    assert trust.state().clients == 1
    trust.remove_foreign(added.id)
    assert refusal(trust.judge(der(mine))) == "unknown authority"
    assert trust.clients() == ()
    with pytest.raises(TrustError, match="no such certificate"):
        trust.remove_foreign(added.id)
    trust.close()


def test_this_master_s_own_certificates_cannot_be_added(machine: Machine) -> None:
    trust = machine.trust()
    trust.issue("reader", None)
    trust.server_context()
    server = (machine.folder / "server.pem").read_bytes().split(b"-----END PRIVATE KEY-----\n")[1]
    machine.now = START + datetime.timedelta(1)
    with pytest.raises(TrustError, match="this master's own"):
        trust.add_foreign(trust.authority_pem())
    with pytest.raises(TrustError):
        trust.add_foreign(server)
    trust.close()


def test_the_list_of_those_who_were_seen_is_bounded(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MAX_SEEN <= 10_000
    from mbusmaster.channels.trust import registry

    monkeypatch.setattr(registry, "MAX_SEEN", 3)
    trust = machine.trust()
    for number in range(6):
        machine.now += datetime.timedelta(minutes=5)
        client = TrustedClient(
            f"{number}", f"c{number}", Origin.AUTHORITY, "1", "them", START, START + datetime.timedelta(99)
        )
        trust.saw(client)
    assert [client.name for client in trust.clients()] == ["c3", "c4", "c5"]
    trust.close()


def test_a_new_machine_trusts_nobody_and_says_what_to_do(machine: Machine) -> None:
    trust = machine.trust()
    assert "mbusmaster client add" in trust.state().problem
    trust.issue("reader", None, days=5)
    assert trust.state().problem == ""
    machine.now += datetime.timedelta(6)
    assert trust.state().clients == 0
    trust.close()


def test_the_server_certificate_carries_every_name_and_is_renewed_in_time(machine: Machine) -> None:
    trust = machine.trust()
    context = trust.web_context()
    first = shown(machine)
    assert trust.state().server_names == ("mbus-1", "mbus-1.local", "192.0.2.7", "fe80::1")
    assert "12345" in first.subject.rfc4514_string()
    machine.now += datetime.timedelta(SERVER_DAYS / 2)
    trust.refresh()
    assert shown(machine) == first
    machine.now += datetime.timedelta(SERVER_DAYS / 6)
    assert trust.web_context() is context
    assert shown(machine) != first
    assert shown(machine).not_valid_after_utc > first.not_valid_after_utc
    trust.close()


def test_a_disk_that_is_full_when_it_is_time_keeps_nobody_out(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    trust = machine.trust()
    trust.server_context()
    first = shown(machine)

    def refuse(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr("mbusio.keyfiles.write_atomically", refuse)
        machine.now += datetime.timedelta(SERVER_DAYS * 3 / 4)
        for _ in range(3):
            trust.server_context()
        assert caplog.text.count("No space left") == 1
        assert shown(machine) == first
        machine.now += datetime.timedelta(SERVER_DAYS)
        with pytest.raises(TrustError, match="No space left"):
            trust.server_context()
    trust.server_context()
    assert shown(machine) != first
    trust.close()


def test_a_new_address_makes_a_new_server_certificate_and_one_that_went_does_not(machine: Machine) -> None:
    trust = machine.trust()
    trust.server_context()
    first = shown(machine)
    machine.names = ServerNames(("mbus-1",), ("192.0.2.7",), "12345")
    trust.refresh()
    assert shown(machine) == first
    machine.names = ServerNames(("mbus-1", "not a name!"), ("192.0.2.8", "nonsense"), "12345")
    trust.refresh()
    assert trust.state().server_names == ("mbus-1", "192.0.2.8")
    trust.close()


@pytest.mark.parametrize(
    "wrong", [datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC), START + datetime.timedelta(9000)]
)
def test_a_first_start_with_a_wrong_clock_does_no_lasting_harm(
    machine: Machine, wrong: datetime.datetime
) -> None:
    machine.now = wrong
    trust = machine.trust()
    trust.server_context()
    certificate = x509.load_der_x509_certificate(der(trust.issue("reader", None).pem()))
    assert certificate.not_valid_before_utc == FLOOR
    machine.now = START
    trust.server_context()
    assert shown(machine).not_valid_before_utc < START < shown(machine).not_valid_after_utc
    assert isinstance(trust.judge(certificate.public_bytes(serialization.Encoding.DER)), TrustedClient)
    trust.close()


def test_a_damaged_server_certificate_is_made_anew_and_a_damaged_authority_is_not(machine: Machine) -> None:
    trust = machine.trust()
    trust.server_context()
    trust.close()
    (machine.folder / "server.pem").write_bytes(b"nonsense")
    trust = machine.trust()
    trust.server_context()
    shown(machine)
    trust.close()
    (machine.folder / "authority.pem").write_bytes(b"nonsense")
    with pytest.raises(TrustError, match=r"is damaged .* restore it from a backup"):
        machine.trust()


def test_a_list_that_cannot_be_read_lets_nobody_in(machine: Machine) -> None:
    trust = machine.trust()
    certificate = der(trust.issue("reader", None).pem())
    trust._registry._db.execute("DROP TABLE clients")
    assert refusal(trust.judge(certificate)) == "trust"
    trust.close()
    (machine.folder / "trust.db").write_bytes(b"no database at all" * 1000)
    with pytest.raises(TrustError, match=r"cannot use .*trust\.db"):
        machine.trust()


async def test_what_another_process_changes_is_noticed_by_itself(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trust, "LOOK_SECONDS", 0.01)
    here, there = machine.trust(), machine.trust()
    noticed = asyncio.Event()
    running = asyncio.create_task(here.run())
    here.subscribe(noticed.set)
    await noticed.wait()
    noticed.clear()
    there.issue("reader", None)
    await noticed.wait()
    assert [client.name for client in here.clients()] == ["reader"]
    running.cancel()
    await asyncio.wait({running})
    here.close()
    there.close()


def test_two_processes_that_start_first_make_one_authority(machine: Machine) -> None:
    one, two = machine.trust(), machine.trust()
    assert one.authority_pem() == two.authority_pem()
    one.close()
    two.close()


def test_garbage_instead_of_a_certificate_is_refused(machine: Machine, tmp_path: Path) -> None:
    trust = machine.trust()
    assert refusal(trust.judge(b"")) == "no certificate"
    assert refusal(trust.judge(b"\x30\x82garbage")) == "unreadable"
    assert refusal(trust.judge(der(self_signed(tmp_path, "x").certificate))) in (
        "unknown authority",
        "expired",
    )
    trust.close()


def test_the_contexts_are_as_strict_as_they_say(machine: Machine) -> None:
    trust = machine.trust()
    for_clients, for_browsers = trust.server_context(), trust.web_context()
    assert for_clients.minimum_version is ssl.TLSVersion.TLSv1_3
    assert for_clients.verify_mode is ssl.CERT_REQUIRED
    assert for_clients.num_tickets == 0
    assert for_browsers.verify_mode is ssl.CERT_NONE
    trust.close()


def test_a_backup_carries_authority_and_clients_to_another_machine(machine: Machine, tmp_path: Path) -> None:
    machine.now = datetime.datetime.now(datetime.UTC)
    trust = machine.trust()
    reader, gone = der(trust.issue("reader", None).pem()), der(trust.issue("gone", None).pem())
    trust.revoke("gone")
    foreign = trust.add_foreign(Authority(tmp_path).pem.read_bytes())
    data, authority = trust.export_secrets(), trust.authority_pem()
    trust.close()
    other = Trust(tmp_path / "replaced", lambda: machine.names, lambda: machine.now)
    theirs = der(other.issue("theirs", None).pem())
    other.server_context()
    told: list[int] = []
    other.subscribe(lambda: told.append(1))
    other.import_secrets(data)
    assert told
    assert isinstance(other.judge(reader), TrustedClient)
    assert refusal(other.judge(gone)) == "revoked"
    assert isinstance(other.judge(theirs), Refusal)
    assert [one.id for one in other.foreign()] == [foreign.id]
    assert other.authority_pem() == authority
    chain = x509.load_pem_x509_certificate((tmp_path / "replaced/server.pem").read_bytes())
    chain.verify_directly_issued_by(x509.load_pem_x509_certificate(authority))
    other.close()
    again = Trust(tmp_path / "replaced", lambda: machine.names, lambda: machine.now)
    assert isinstance(again.judge(reader), TrustedClient)
    again.close()


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{}", b'{"format": 2}', b'{"format": 1, "authority": "", "clients": [], "foreign": []}'],
)
def test_bytes_that_are_no_backup_change_nothing(machine: Machine, data: bytes) -> None:
    trust = machine.trust()
    reader = der(trust.issue("reader", None).pem())
    with pytest.raises(TrustError, match="the part with the trusted clients cannot be used"):
        trust.import_secrets(data)
    assert isinstance(trust.judge(reader), TrustedClient)
    trust.close()


@pytest.mark.parametrize("name", ["authority.pem", "trust.db"])
def test_a_damaged_trust_has_a_reason_and_is_repaired_from_a_backup(machine: Machine, name: str) -> None:
    trust = machine.trust()
    reader, data = der(trust.issue("reader", None).pem()), trust.export_secrets()
    trust.close()
    (machine.folder / name).write_bytes(b"damaged" * 1000)
    opened, reason = open_trust(machine.folder, lambda: machine.names, lambda: machine.now)
    assert opened is None
    assert str(machine.folder / name) in reason
    with pytest.raises(TrustError):
        repair_trust(machine.folder, b"nothing")
    assert not (machine.folder / f"{name}.damaged").exists()
    repair_trust(machine.folder, data)
    assert (machine.folder / f"{name}.damaged").exists()
    opened, reason = open_trust(machine.folder, lambda: machine.names, lambda: machine.now)
    assert opened is not None
    assert isinstance(opened.judge(reader), TrustedClient)
    opened.close()
