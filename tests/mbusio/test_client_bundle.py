"""`tls://` with a bundle: key, certificate and authority in one file."""

import argparse
import asyncio
import contextlib
import ssl
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12

from mbusio.cli.passphrase import with_passphrase
from mbusio.errors import TransportClosedError, TransportOpenError
from mbusio.transport import open_transport, parse_url
from mbusio.transport.bundle import PASSPHRASE_VARIABLE, needs_passphrase
from support.certificates import Authority

PASSPHRASE = "correct horse"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
async def port(authority: Authority) -> AsyncIterator[int]:
    pem = authority.issue("gateway")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem.certificate, pem.key)
    context.load_verify_locations(authority.pem)
    context.verify_mode = ssl.CERT_REQUIRED

    async def say_ack(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\xe5")
        writer.close()

    async with await asyncio.start_server(say_ack, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]


def make_bundle(authority: Authority, folder: Path, *, pem: bool, passphrase: str | None) -> Path:
    issued = authority.issue("client")
    key = serialization.load_pem_private_key(issued.key.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    certificate = x509.load_pem_x509_certificate(issued.certificate.read_bytes())
    how = (
        serialization.BestAvailableEncryption(passphrase.encode())
        if passphrase
        else serialization.NoEncryption()
    )
    if pem:
        data = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)
        data += issued.certificate.read_bytes() + authority.pem.read_bytes()
    else:
        data = pkcs12.serialize_key_and_certificates(
            b"client", key, certificate, [authority.certificate], how
        )
    path = folder / f"client.{'pem' if pem else 'p12'}"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
@pytest.mark.parametrize("pem", [True, False])
async def test_a_bundle_is_all_that_is_needed(
    authority: Authority,
    port: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pem: bool,
    passphrase: str | None,
) -> None:
    if passphrase:
        monkeypatch.setenv(PASSPHRASE_VARIABLE, passphrase)
    bundle = make_bundle(authority, tmp_path, pem=pem, passphrase=passphrase)
    assert needs_passphrase(str(bundle)) is bool(passphrase)
    transport = await open_transport(f"tls://127.0.0.1:{port}?bundle={bundle}")
    assert await transport.read() == b"\xe5"
    await transport.close()


@pytest.mark.parametrize("pem", [True, False])
@pytest.mark.parametrize("wrong", [None, "wrong one"])
async def test_without_the_right_passphrase_it_says_where_to_put_it(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pem: bool, wrong: str | None
) -> None:
    if wrong:
        monkeypatch.setenv(PASSPHRASE_VARIABLE, wrong)
    bundle = make_bundle(authority, tmp_path, pem=pem, passphrase=PASSPHRASE)
    with pytest.raises(TransportOpenError, match=PASSPHRASE_VARIABLE) as caught:
        await open_transport(f"tls://127.0.0.1:1?bundle={bundle}")
    assert "wrong one" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "neither PEM nor PKCS#12"),
        (b"hello", "neither PEM nor PKCS#12"),
        (b"-----BEGIN CERTIFICATE-----\nnonsense", "give PEM files"),
    ],
)
async def test_a_file_that_is_no_bundle_is_said(tmp_path: Path, data: bytes, says: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(data)
    with pytest.raises(TransportOpenError, match=says):
        await open_transport(f"tls://127.0.0.1:1?bundle={path}")
    with pytest.raises(TransportOpenError, match="No such file"):
        await open_transport(f"tls://127.0.0.1:1?bundle={path}.nowhere")


async def test_another_name_is_told_apart_from_another_authority(
    authority: Authority, port: int, tmp_path: Path
) -> None:
    bundle = make_bundle(authority, tmp_path, pem=True, passphrase=None)
    with pytest.raises(TransportOpenError, match="connect under a name or address that it carries"):
        await open_transport(f"tls://127.0.0.1:{port}?bundle={bundle}&name=elsewhere")
    transport = await open_transport(f"tls://127.0.0.1:{port}?bundle={bundle}&name=localhost")
    await transport.close()


async def test_a_gateway_that_refuses_us_says_why(authority: Authority, port: int) -> None:
    transport = await open_transport(f"tls://127.0.0.1:{port}?ca={authority.pem}")
    # asyncio's server says nothing; ours does (tests/peers).
    with pytest.raises(TransportClosedError, match="the gateway"):
        await transport.read()
    with contextlib.suppress(TransportClosedError):
        await transport.write(b"\xe5")
    await transport.close()


def test_a_passphrase_is_asked_for_at_a_terminal_only(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = make_bundle(authority, tmp_path, pem=False, passphrase=PASSPHRASE)
    open_one = make_bundle(authority, tmp_path, pem=True, passphrase=None)
    monkeypatch.setattr("mbusio.cli.passphrase.getpass", lambda prompt: PASSPHRASE)
    terminal = argparse.Namespace(isatty=lambda: True)
    endpoint = parse_url(f"tls://host?bundle={locked}")
    assert with_passphrase(endpoint).passphrase is None
    monkeypatch.setattr(sys, "stdin", terminal)
    asked = with_passphrase(endpoint)
    assert asked.passphrase == PASSPHRASE
    assert PASSPHRASE not in repr(asked)
    assert with_passphrase(parse_url(f"tls://host?bundle={open_one}")).passphrase is None
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "other")
    assert with_passphrase(endpoint).passphrase is None
