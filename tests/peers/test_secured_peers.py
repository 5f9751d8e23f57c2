"""TLS programs that nobody here wrote at the secured channel: openssl's client, stunnel with libmbus behind; and our `mbus`."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from support.certificates import Authority, self_signed
from support.needs import program
from support.peers import libmbus, stunnel
from support.secured import Secured, secured
from support.sharedbus import StrictMeter, nke

pytestmark = [pytest.mark.peers, pytest.mark.process]

E5 = b"\xe5"
METERS = ("12345678", "22345678")


def meters() -> list[StrictMeter]:
    return [StrictMeter(5, METERS[0]), StrictMeter(6, METERS[1])]


async def s_client(running: Secured, *options: str | Path, say: bytes = b"") -> tuple[bytes, str]:
    """Run ``openssl s_client``; give what came back first, if anything, and all it said."""
    authority = running.folder / "authority.pem"
    authority.write_bytes(running.trust.authority_pem())
    process = await asyncio.create_subprocess_exec(
        program("openssl", "openssl"), "s_client", "-connect", f"127.0.0.1:{running.port}", "-quiet", "-ign_eof",
        "-CAfile", str(authority), "-verify_return_error", "-verify_ip", "127.0.0.1", *map(str, options),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdin.write(say)
    answer = await process.stdout.read(1)
    if answer:
        process.terminate()
    rest, said = await process.communicate()
    assert rest == b""
    return answer, said.decode()


def pem_options(pem: Path, key: Path | None = None) -> list[str | Path]:
    return ["-cert", pem, "-key", key or pem]


async def test_openssl_reads_with_a_bundle(tmp_path: Path) -> None:
    async with secured(tmp_path, meters()) as running:
        bundle = running.bundle("openssl")
        answer, said = await s_client(running, *pem_options(bundle), say=nke(5).to_bytes())
        assert answer == E5, said


async def test_openssl_is_told_why_it_is_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    stranger = Authority(tmp_path).issue("stranger")
    lonely = self_signed(tmp_path, "lonely")
    async with secured(tmp_path, meters()) as running:
        bundle = running.bundle("openssl")
        for options, alert in (
            ([], "alert certificate required"),
            (pem_options(stranger.certificate, stranger.key), "alert unknown ca"),
            (pem_options(lonely.certificate, lonely.key), "alert unknown ca"),
            ([*pem_options(bundle), "-tls1_2"], "alert protocol version"),
        ):
            answer, said = await s_client(running, *options, say=nke(5).to_bytes())
            assert answer == b""
            assert alert in said
        running.trust.revoke("openssl")
        assert (await s_client(running, *pem_options(bundle), say=nke(5).to_bytes()))[0] == b""
        assert running.plain.heard == []
    refused = [
        line.partition("handshake refused: ")[2] for line in caplog.messages if "handshake refused" in line
    ]
    assert len(refused) == len(set(refused)) == 5, refused


async def test_openssl_gets_no_ticket_to_come_back_with(tmp_path: Path) -> None:
    async with secured(tmp_path, meters()) as running:
        session = tmp_path / "session"
        options = [*pem_options(running.bundle("openssl")), "-sess_out", session]
        assert (await s_client(running, *options, say=nke(5).to_bytes()))[0] == E5
        assert not session.exists()


async def test_openssl_that_does_not_trust_this_master_says_so_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = Authority(tmp_path)
    async with secured(tmp_path, meters()) as running:
        options = [*pem_options(running.bundle("openssl")), "-CAfile", other.pem]
        assert (await s_client(running, *options))[0] == b""
        await running.settled()
    assert any("it refuses this master's certificate (unknown ca)" in line for line in caplog.messages)


async def test_libmbus_reads_through_stunnel(tmp_path: Path, unused_tcp_port: int) -> None:
    async with secured(tmp_path, meters()) as running:
        bundle, config = running.bundle("libmbus"), tmp_path / "stunnel.conf"
        with stunnel(config, unused_tcp_port, running.port, authority=bundle, certificate=bundle, key=bundle):
            peer = libmbus(
                {"host": "127.0.0.1", "port": unused_tcp_port, "timeout": 200}, [["scan"], ["read", 5]]
            )
            results = await asyncio.to_thread(peer.results)
    assert sorted(address[:8] for address in results['["scan"]']) == list(METERS)
    assert isinstance(results['["read", 5]'], dict), results


@pytest.mark.parametrize("ending", ["p12", "pem"])
async def test_mbus_scans_with_a_bundle(tmp_path: Path, ending: str) -> None:
    async with secured(tmp_path, meters()) as running:
        bundle = running.trust.issue("mbus", "correct horse")
        path = tmp_path / f"client.{ending}"
        path.write_bytes(bundle.pkcs12() if ending == "p12" else bundle.pem())
        code, output, said = await mbus_scan(running, path)
        assert code == 0, said
        assert [meter["primary"] for meter in json.loads(output)["meters"]] == [5, 6]
        running.trust.revoke("mbus")
        code, _, said = await mbus_scan(running, path)
    assert code == 1
    assert "it may not trust our certificate" in said


async def mbus_scan(running: Secured, bundle: Path) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mbusio.cli", "scan", f"tls://127.0.0.1:{running.port}?bundle={bundle}&allowance=0.2",
        "--primary", "5-7", "--json",
        env={**os.environ, "MBUS_PASSPHRASE": "correct horse"},
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, said = await process.communicate()
    return process.returncode, output.decode(), said.decode()
