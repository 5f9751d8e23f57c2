"""The secured channel lets in whom it trusts, and says of everybody else why not."""

import asyncio
import contextlib
import datetime
import ssl
from pathlib import Path

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from mbusmaster.channels import secured_tcp, tcp
from mbusmaster.channels.trust import Trust
from support.certificates import DAY, Authority, Pem, self_signed
from support.gateway import Streams, ask, close
from support.secured import Secured, secured
from support.sharedbus import StrictMeter, nke, req

E5 = b"\xe5"


async def refused(running: Secured, client: Path | Pem | None, *, old: bool = False) -> str:
    """Connect and read until the end; give what the client is told."""
    with contextlib.suppress(ConnectionResetError):
        try:
            reader, writer = await running.connect(client, old=old)
        except ssl.SSLError as error:
            return error.reason or ""
        writer.write(nke(5).to_bytes())
        try:
            assert await reader.read() == b""
        except ssl.SSLError as error:
            return error.reason or ""
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()
    return ""


def the_line(caplog: pytest.LogCaptureFixture, text: str) -> None:
    lines = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert sum(text in line for line in lines) == 1, lines


async def works(client: Streams) -> None:
    assert await ask(client, nke(5).to_bytes(), 1) == E5


async def test_a_client_with_a_bundle_reads_and_is_known_by_its_name(tmp_path: Path) -> None:
    meter = StrictMeter(5, "12345678")
    async with secured(tmp_path, [meter]) as running:
        client = await running.connect(running.bundle("reader 1"))
        assert client[1].get_extra_info("ssl_object").version() == "TLSv1.3"
        answer = meter.telegram(0)
        assert await ask(client, nke(5).to_bytes() + req(5, 1).to_bytes(), 1 + len(answer)) == E5 + answer
        assert running.trust.clients()[0].seen is not None
        await close(client)


async def test_the_client_s_name_is_in_the_log_of_what_it_does(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with secured(tmp_path) as running:
        client = await running.connect(running.bundle("meter reading"))
        client[1].write(b"garbage")
        await works(client)
        (user,) = running.plain.engine.users().clients
        assert (user.client, user.kind, user.source) == ("meter reading", "secured tcp", "127.0.0.1")
        await close(client)
    the_line(caplog, "secured tcp: client meter reading (127.0.0.1): 7 bytes are no frame")


async def test_a_client_that_ends_its_direction_still_gets_its_answer(tmp_path: Path) -> None:
    async with secured(tmp_path) as running:
        context = running.client_context(running.bundle("reader"))
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        # By hand, as asyncio's own TLS cannot end one direction.
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                writer.write(outgoing.read())
                incoming.write(await reader.read(65536))
            else:
                break
        tls.write(nke(5).to_bytes())
        writer.write(outgoing.read())
        writer.write_eof()
        incoming.write(await reader.read())
        assert tls.read(1) == E5
        writer.close()


async def test_no_certificate(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with secured(tmp_path) as running:
        assert await refused(running, None) == "TLSV13_ALERT_CERTIFICATE_REQUIRED"
        assert running.plain.heard == []
    the_line(caplog, "client 127.0.0.1: handshake refused: it shows no certificate")


async def test_a_self_signed_certificate(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with secured(tmp_path) as running:
        assert "UNKNOWN_CA" in await refused(running, self_signed(tmp_path, "nobody"))
    the_line(caplog, "handshake refused: its certificate is signed by itself, and not trusted here")


async def test_a_certificate_of_another_authority(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with secured(tmp_path) as running:
        assert "UNKNOWN_CA" in await refused(running, Authority(tmp_path).issue("stranger"))
    the_line(caplog, "handshake refused: its certificate comes from an authority that is not trusted here")


async def test_an_expired_certificate(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    authority = Authority(tmp_path)
    async with secured(tmp_path) as running:
        running.trust.add_foreign(authority.pem.read_bytes())
        late = authority.issue("late", begin=-3 * DAY, end=-DAY)
        assert "CERTIFICATE_EXPIRED" in await refused(running, late)
    the_line(caplog, "handshake refused: its certificate has expired")


async def test_a_certificate_that_is_not_yet_valid(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    authority = Authority(tmp_path)
    async with secured(tmp_path) as running:
        running.trust.add_foreign(authority.pem.read_bytes())
        assert "BAD_CERTIFICATE" in await refused(running, authority.issue("early", begin=DAY, end=3 * DAY))
    the_line(caplog, "handshake refused: its certificate is not yet valid")


async def test_a_certificate_for_servers(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    authority = Authority(tmp_path)
    async with secured(tmp_path) as running:
        running.trust.add_foreign(authority.pem.read_bytes())
        server = authority.issue("server", purpose=ExtendedKeyUsageOID.SERVER_AUTH)
        assert "UNSUPPORTED_CERTIFICATE" in await refused(running, server)
    the_line(caplog, "handshake refused: its certificate is not meant for clients")


async def test_the_master_s_own_server_certificate(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with secured(tmp_path) as running:
        running.trust.web_context()
        assert "UNSUPPORTED_CERTIFICATE" in await refused(running, tmp_path / "trust" / "server.pem")
    the_line(caplog, "handshake refused: its certificate is not meant for clients")


async def test_a_revoked_certificate_in_a_fresh_handshake(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with secured(tmp_path) as running:
        bundle = running.bundle("lost laptop")
        running.trust.revoke("lost laptop")
        await refused(running, bundle)
        assert running.plain.heard == []
    the_line(caplog, "handshake refused: its certificate (lost laptop) was revoked on")


async def test_a_revoked_certificate_with_an_old_session(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with secured(tmp_path) as running:
        context = running.client_context(running.bundle("lost laptop"))
        client = await asyncio.open_connection("127.0.0.1", running.port, ssl=context)
        await works(client)
        # No ticket was given, so there is nothing to resume with.
        assert not client[1].get_extra_info("ssl_object").session.has_ticket
        await close(client)
        running.trust.revoke("lost laptop")
        again = await asyncio.open_connection("127.0.0.1", running.port, ssl=context)
        assert not again[1].get_extra_info("ssl_object").session_reused
        assert await again[0].read() == b""
        await close(again)
    the_line(caplog, "handshake refused: its certificate (lost laptop) was revoked on")


async def test_a_revoked_certificate_with_an_open_connection(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with secured(tmp_path) as running:
        lost, other = (
            await running.connect(running.bundle("lost")),
            await running.connect(running.bundle("other")),
        )
        await works(lost)
        await works(other)
        running.trust.revoke("lost")
        with contextlib.suppress(ConnectionError):
            assert await lost[0].read() == b""
        await works(other)
        await close(lost, other)
    the_line(caplog, "client lost (127.0.0.1): connection ended: its certificate (lost) was revoked on")


async def test_an_authority_that_is_removed_takes_its_open_connections_with_it(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with secured(tmp_path) as running:
        foreign = running.trust.add_foreign(authority.pem.read_bytes())
        client = await running.connect(authority.issue("theirs"))
        await works(client)
        running.trust.remove_foreign(foreign.id)
        with contextlib.suppress(ConnectionError):
            assert await client[0].read() == b""
        await close(client)
        assert "UNKNOWN_CA" in await refused(running, authority.issue("theirs"))


async def test_what_another_process_revokes_is_seen_at_the_next_handshake(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with secured(tmp_path) as running:
        bundle = running.bundle("reader")
        open_one = await running.connect(bundle)
        await works(open_one)
        elsewhere = Trust(tmp_path / "trust")
        elsewhere.revoke("reader")
        elsewhere.close()
        await refused(running, bundle)
        with contextlib.suppress(ConnectionError):
            assert await open_one[0].read() == b""
        await close(open_one)
    the_line(caplog, "handshake refused: its certificate (reader) was revoked on")


async def test_a_certificate_of_this_master_that_is_not_in_its_list(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with secured(tmp_path) as running:
        bundle = running.bundle("forgotten")
        running.trust._registry.forget_expired(datetime.datetime(2100, 1, 1, tzinfo=datetime.UTC))
        await refused(running, bundle)
    the_line(caplog, "of this master, but not in its list")


async def test_an_intermediate_that_was_not_added_itself_lets_nobody_in(tmp_path: Path) -> None:
    """Trust is explicit: who signed a client's certificate must be in the list."""
    authority = Authority(tmp_path)
    async with secured(tmp_path) as running:
        running.trust.add_foreign(authority.pem.read_bytes())
        other = Authority(tmp_path)
        verdict = running.trust.judge(
            ssl.PEM_cert_to_DER_cert(other.issue("through somebody").certificate.read_text())
        )
        assert "not signed by an authority in the list" in str(verdict)


async def test_tls_1_2(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with secured(tmp_path) as running:
        assert "PROTOCOL_VERSION" in await refused(running, running.bundle("old"), old=True)
    the_line(caplog, "handshake refused: it offers no TLS 1.3, only older versions")


async def test_plain_bytes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with secured(tmp_path) as running:
        client = await asyncio.open_connection("127.0.0.1", running.port)
        client[1].write(nke(5).to_bytes())
        assert await client[0].read() == b""
        await close(client)
        assert running.plain.heard == []
    the_line(caplog, "handshake refused: what it sends is not TLS: 10 40 05 45 16")


async def test_a_client_that_does_not_trust_this_master_is_told_apart(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with secured(tmp_path) as running:
        context = ssl.create_default_context()
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.open_connection("127.0.0.1", running.port, ssl=context)
        # asyncio's client says nothing; openssl's sends an alert (tests/peers).
        await running.settled()
    the_line(caplog, "it hung up during the handshake")


async def test_a_handshake_that_never_ends_is_given_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secured_tcp, "HANDSHAKE_SECONDS", 0.05)
    async with secured(tmp_path) as running:
        client = await asyncio.open_connection("127.0.0.1", running.port)
        client[1].write(b"\x16\x03\x01")
        assert await client[0].read() == b""
        await close(client)
        assert running.channel.arriving == 0
    the_line(caplog, "handshake not finished within")


async def test_handshakes_that_never_end_keep_nobody_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tcp, "ARRIVAL_SECONDS", 0.0)
    async with secured(tmp_path, max_clients=10, max_clients_per_source=5) as running:
        bundle = running.bundle("reader")
        stuck = [await asyncio.open_connection("127.0.0.1", running.port) for _ in range(40)]
        client = await running.connect(bundle)
        await works(client)
        assert running.channel.arriving <= 5
        await close(client, *stuck)


async def test_with_nobody_trusted_it_listens_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with secured(tmp_path) as running:
        assert "nobody is trusted yet" in running.trust.state().problem
        await refused(running, None)
        running.bundle("first")
        assert running.trust.state().problem == ""
    the_line(caplog, "secured tcp: nobody is trusted yet")


async def test_a_client_that_reads_nothing_is_dropped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mbusmaster.channels import session

    monkeypatch.setattr(session, "MAX_UNREAD", -1)
    async with secured(tmp_path) as running:
        client = await running.connect(running.bundle("deaf"))
        client[1].write(nke(5).to_bytes())
        with contextlib.suppress(ConnectionError):
            await client[0].read()
        await close(client)
    the_line(caplog, "does not read its answers: connection closed")


async def test_a_new_server_certificate_is_shown_without_a_restart(tmp_path: Path) -> None:
    async with secured(tmp_path) as running:
        bundle = running.bundle("reader")
        shown = []
        for _ in range(2):
            client = await running.connect(bundle)
            await works(client)
            shown.append(client[1].get_extra_info("ssl_object").getpeercert()["serialNumber"])
            await close(client)
            running.trust._server._begins = None
            running.trust.refresh()
        assert shown[0] != shown[1]
