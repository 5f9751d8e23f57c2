"""What somebody uploads as a certificate is looked at closely, and called by its name."""

import contextlib
import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from mbusmaster.channels.trust import Kind, TrustError
from mbusmaster.channels.trust.foreign import MAX_SIZE, check_fitness, kind_of, name_of, read_certificate
from support.certificates import DAY, Authority, self_signed

NOW = datetime.datetime.now(datetime.UTC)
DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM


def look_at(data: bytes, expect: Kind | None = None) -> None:
    certificate = read_certificate(data)
    kind_of(certificate, expect)
    check_fitness(certificate, NOW)
    name_of(certificate.subject)
    name_of(certificate.issuer)


def problem(data: bytes, expect: Kind | None = None) -> str:
    with pytest.raises(TrustError) as caught:
        look_at(data, expect)
    assert caught.value.field == "certificate"
    return str(caught.value)


def private_key(encoding: serialization.Encoding, passphrase: bytes | None = None) -> bytes:
    how = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        encoding, serialization.PrivateFormat.PKCS8, how
    )


def request(encoding: serialization.Encoding) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(encoding)


@pytest.mark.parametrize("passphrase", [None, b"secret"])
@pytest.mark.parametrize("encoding", [PEM, DER])
def test_a_key_is_no_certificate(encoding: serialization.Encoding, passphrase: bytes | None) -> None:
    assert "private key, not a certificate: keep it secret" in problem(private_key(encoding, passphrase))


@pytest.mark.parametrize("encoding", [PEM, DER])
def test_a_request_is_no_certificate(encoding: serialization.Encoding) -> None:
    assert "let the authority sign it first" in problem(request(encoding))


@pytest.mark.parametrize("passphrase", [None, b"secret"])
def test_a_bundle_is_no_certificate(tmp_path: Path, passphrase: bytes | None) -> None:
    certificate = Authority(tmp_path).certificate
    how = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    assert "PKCS#12 bundle" in problem(
        pkcs12.serialize_key_and_certificates(b"x", None, certificate, None, how)
    )


def test_a_certificate_with_its_key_is_not_taken(tmp_path: Path) -> None:
    pem = Authority(tmp_path).issue("x")
    assert "private key" in problem(pem.certificate.read_bytes() + pem.key.read_bytes())


def test_one_certificate_at_a_time(tmp_path: Path) -> None:
    pem = Authority(tmp_path).pem.read_bytes()
    assert "there are 2 certificates" in problem(pem + pem)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"hello", "neither PEM nor DER"),
        (b"x" * (MAX_SIZE + 1), "smaller than 64 KiB"),
        (b"-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n", "damaged"),
        (b"-----BEGIN PGP MESSAGE-----\n", "no certificate in the file"),
    ],
)
def test_what_is_nothing_at_all_is_said(data: bytes, says: str) -> None:
    assert says in problem(data)


def test_an_authority_without_the_flag_is_said(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path, "x").certificate.read_bytes()
    assert "the CA flag is missing" in problem(certificate, Kind.AUTHORITY)
    assert "the CA flag is missing" in problem(
        self_signed(tmp_path, "y", ca=None, signs=True).certificate.read_bytes()
    )
    assert "does not allow it to sign" in problem(
        self_signed(tmp_path, "z", ca=True).certificate.read_bytes()
    )


def test_an_authority_is_not_taken_for_a_single_client(tmp_path: Path) -> None:
    assert "everybody whose certificate it signs" in problem(
        Authority(tmp_path).pem.read_bytes(), Kind.SINGLE
    )


def test_what_is_not_valid_now_is_said_with_the_clock(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    assert "it expired on" in problem(
        authority.issue("x", begin=-3 * DAY, end=-2 * DAY).certificate.read_bytes()
    )
    assert f"clock says {NOW:%Y-%m-%d}" in problem(
        authority.issue("y", begin=DAY, end=2 * DAY).certificate.read_bytes()
    )


def test_a_certificate_for_servers_is_not_for_clients(tmp_path: Path) -> None:
    pem = Authority(tmp_path).issue("x", purpose=ExtendedKeyUsageOID.SERVER_AUTH)
    assert "does not allow clients" in problem(pem.certificate.read_bytes())


def test_weak_keys_are_refused() -> None:
    key = rsa.generate_private_key(65537, 1024)
    name = x509.Name([])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
    )
    assert "1024 bits" in problem(builder.sign(key, hashes.SHA256()).public_bytes(DER))


def test_a_hostile_name_becomes_one_short_line(tmp_path: Path) -> None:
    certificate = x509.load_pem_x509_certificate(
        self_signed(tmp_path, "a\nERROR root logged in\x1b[2J").certificate.read_bytes()
    )
    assert name_of(certificate.subject) == "a?ERROR root logged in?[2J"
    assert name_of(x509.Name([])) == "without a name"


@given(st.binary(max_size=300))
def test_any_bytes_are_a_certificate_or_one_error(data: bytes) -> None:
    for beginning in (b"", b"-----BEGIN CERTIFICATE-----\n", b"\x30\x82"):
        with pytest.raises(TrustError):
            kind_of(read_certificate(beginning + data), None)


def test_any_byte_of_a_certificate_may_be_wrong(tmp_path: Path) -> None:
    good = Authority(tmp_path).certificate.public_bytes(DER)
    for place in range(len(good)):
        data = good[:place] + bytes((good[place] ^ 0x41,)) + good[place + 1 :]
        with contextlib.suppress(TrustError):
            look_at(data)
