"""Programs of others enrol here: strongSwan's client of EST, OpenSSL and curl."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mbushosting.enrolment import read_token
from support.headend import Site, running
from support.needs import program

pytestmark = pytest.mark.peers

# As it comes, strongSwan's client speaks TLS 1.2 only.
STRONGSWAN = """\
pki {
  load_modular = yes
  plugins {
    include /etc/strongswan.d/charon/*.conf
  }
  tls {
    version_max = 1.3
  }
}
"""
CACERTS = "/.well-known/est/cacerts"
ENROLL = "/.well-known/est/simpleenroll"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with running(tmp_path) as site:
        (tmp_path / "ca.pem").write_bytes(site.authority_pem)
        yield site


async def ran(folder: Path, *command: str, data: bytes = b"", good: bool = True) -> bytes:
    """Run a program beside the event loop, in a folder; give what it prints."""
    environment = {"PATH": "/usr/bin:/bin", "STRONGSWAN_CONF": str(folder / "strongswan.conf")}

    def run() -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            command, cwd=folder, input=data, capture_output=True, timeout=60, check=False, env=environment
        )

    finished = await asyncio.to_thread(run)
    assert (finished.returncode == 0) == good, finished.stderr[-2000:]
    return finished.stdout


async def test_strongswan_enrols_and_renews(site: Site) -> None:
    pki, folder = program("pki", "strongswan-pki"), site.folder
    (folder / "strongswan.conf").write_text(STRONGSWAN)
    for name in ("one", "two"):
        key = await ran(folder, pki, "--gen", "--type", "ecdsa", "--size", "256", "--outform", "pem")
        (folder / f"{name}.key").write_bytes(key)
        request = await ran(folder, pki, "--req", "--in", f"{name}.key", "--type", "ecdsa", "--dn", "CN=SW-1")
        (folder / f"{name}.req").write_bytes(request)
    est = (pki, "--est", "--url", site.url, "--cacert", "ca.pem", "--outform", "pem")
    login = f"SW-1:{read_token(await site.token()).password}"
    first = await ran(folder, *est, "--in", "one.req", "--userpass", login)
    (folder / "one.pem").write_bytes(first)
    second = await ran(folder, *est, "--in", "two.req", "--cert", "one.pem", "--key", "one.key")
    (folder / "two.pem").write_bytes(second)
    assert first != second
    verified = await ran(
        folder, program("openssl", "openssl"), "verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", "ca.pem",
        "one.pem", "two.pem",
    )  # fmt: skip
    assert verified == b"one.pem: OK\ntwo.pem: OK\n"
    assert len(await site.store.certificates("SW-1")) == 2
    await ran(folder, *est, "--in", "one.req", "--userpass", login, good=False)


async def test_openssl_and_curl_enrol_by_hand(site: Site) -> None:
    """What RFC 7030 says in its examples."""
    openssl, curl, folder = program("openssl", "openssl"), program("curl", "curl"), site.folder
    fetched = await ran(folder, curl, "-sf", "--cacert", "ca.pem", site.url + CACERTS)
    bundle = await ran(folder, openssl, "base64", "-d", "-A", data=fetched)
    printed = await ran(folder, openssl, "pkcs7", "-inform", "DER", "-print_certs", data=bundle)
    assert site.authority_pem.strip() in printed
    await ran(
        folder, openssl, "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
        "key.pem", "-subj", "/CN=OS-1", "-outform", "DER", "-out", "csr.der",
    )  # fmt: skip
    (folder / "csr").write_bytes(await ran(folder, openssl, "base64", "-in", "csr.der"))
    login = f"OS-1:{read_token(await site.token()).password}"
    post = (
        curl,
        "-s",
        "--cacert",
        "ca.pem",
        "-H",
        "Content-Type: application/pkcs10",
        "--data-binary",
        "@csr",
    )
    answer = await ran(folder, *post, "-f", "-u", login, site.url + ENROLL)
    bundle = await ran(folder, openssl, "base64", "-d", "-A", data=answer)
    issued = await ran(folder, openssl, "pkcs7", "-inform", "DER", "-print_certs", data=bundle)
    (folder / "cert.pem").write_bytes(issued[issued.index(b"-----BEGIN") :])
    assert b"OK" in await ran(folder, openssl, "verify", "-x509_strict", "-CAfile", "ca.pem", "cert.pem")
    refused = await ran(
        folder, *post, "-u", login, "-w", "%{http_code}", "-o", "/dev/null", site.url + ENROLL
    )
    assert refused == b"401"


async def test_s_client_sees_tls_1_3_the_chain_and_no_ticket(site: Site) -> None:
    openssl = program("openssl", "openssl")
    shown = await ran(
        site.folder, openssl, "s_client", "-connect", f"127.0.0.1:{site.port}", "-CAfile", "ca.pem", "-verify_ip",
        "127.0.0.1", "-verify_return_error", "-ign_eof",
        data=b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    )  # fmt: skip
    assert b"TLSv1.3" in shown
    assert b"Verify return code: 0 (ok)" in shown
    assert b"HTTP/1.1 404" in shown
    assert b"New Session Ticket arrived" not in shown
