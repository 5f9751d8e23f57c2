"""A master is taken in by a real head-end over TLS."""

import asyncio
import os
import socket
import ssl
import stat
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from mbushosting.enrolment import Token, read_token
from mbusmaster.hosting.credentials import Credentials, CredentialsError
from mbusmaster.hosting.enrolment import EnrolmentError, enrol
from mbusmaster.hosting.link import HeadEndDistrustedError, HeadEndRefusedError, HeadEndUnreachableError
from mbusmaster.hosting.places import PlaceError
from mbusmaster.hosting.state import Standing
from support.certificates import Authority
from support.headend import now, running


async def test_a_token_takes_a_master_in(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        enrolled = await site.enrol("M1")
        assert enrolled.serial_number == "M1"
        assert str(enrolled.place) == site.url
        assert timedelta(364) < enrolled.current.expires - now() < timedelta(366)
        assert [one.serial for one in await site.store.certificates("M1")] == ["M1"]
        state = site.credentials("M1").state(now())
        assert (state.standing, state.place, str(state.text)) == (Standing.VALID, site.url, "")


async def test_nobody_else_can_read_the_key(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        await site.enrol("M1")
    files = [*(tmp_path / "M1").iterdir(), *(tmp_path / "head-end" / "authority").iterdir()]
    assert len(files) == 4
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


async def test_a_token_works_once(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        token = await site.token()
        await site.enrol("M1", token)
        with pytest.raises(HeadEndRefusedError, match="used already") as refused:
            await site.enrol("M2", token)
        assert refused.value.needs_token
        assert site.credentials("M2").state(now()).standing is Standing.NONE


async def test_of_many_who_use_a_token_at_once_one_is_taken_in(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        token = await site.token()
        outcomes = await asyncio.gather(
            *(site.enrol(f"M{number}", token) for number in range(8)), return_exceptions=True
        )
        assert sum(not isinstance(one, Exception) for one in outcomes) == 1
        assert sum(isinstance(one, HeadEndRefusedError) for one in outcomes) == 7
        assert len(await site.store.masters()) == 1


async def test_a_token_whose_time_is_over_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        token = await site.token(days=1)
        site.clock.ahead = timedelta(days=1, seconds=1)
        with pytest.raises(HeadEndRefusedError, match="its time is over"):
            await site.enrol("M1", token)


async def test_a_man_in_the_middle_learns_no_secret(tmp_path: Path) -> None:
    """He answers with an authority of his own: the fingerprint of the token is another one."""
    async with running(tmp_path / "a") as real, running(tmp_path / "b") as other:
        meant = read_token(await real.token())
        with pytest.raises(HeadEndDistrustedError, match="gave out this token"):
            await other.enrol("M1", str(meant))
        # Had the secret come, it would have been used up where it is known.
        theirs = read_token(await other.token())
        with pytest.raises(HeadEndDistrustedError):
            await other.enrol("M1", str(Token(meant.fingerprint, theirs.secret)))
        assert [token.used for token in await other.store.tokens()] == [None]


async def test_who_hands_out_the_true_authority_but_has_no_certificate_of_it_learns_no_secret(
    tmp_path: Path,
) -> None:
    """He passes on what anybody may fetch, but shows a certificate of his own authority."""
    async with running(tmp_path / "a") as real:
        token = await real.token()
        async with real.client() as client:
            answer = await client.get("/.well-known/est/cacerts")
        heard: list[bytes] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer.content) + answer.content
            )
            await writer.drain()
            writer.close()

        pem = Authority(tmp_path).issue("server")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem.certificate, pem.key)
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        async with server:
            url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            with pytest.raises(HeadEndDistrustedError, match="from somebody else"):
                await asyncio.to_thread(enrol, url, token, "M1", tmp_path / "M1")
        assert [line.split()[1] for line in heard] == [b"/.well-known/est/cacerts"]


async def test_a_new_token_replaces_what_was_and_the_old_certificate_is_out(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        first = await site.enrol("M1")
        second = await site.enrol("M1")
        assert first.current != second.current
        assert sorted(path.name for path in (tmp_path / "M1").iterdir()) == [
            "head-end.json",
            second.current.file,
        ]
        newest, oldest = sorted(await site.store.certificates("M1"), key=lambda one: one.revoked is not None)
        assert (newest.revoked is None, oldest.revoked is None) == (True, False)


async def test_a_name_that_the_certificate_lacks_is_said(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        url = f"https://127.0.0.2:{site.port}"
        with pytest.raises(HeadEndUnreachableError, match="refuses the connection"):
            await asyncio.to_thread(enrol, url, await site.token(), "M1", tmp_path / "M1")
    async with running(tmp_path, listen=("0.0.0.0:0",)) as site:
        url, token = f"https://127.0.0.2:{site.port}", await site.token()
        with pytest.raises(HeadEndDistrustedError, match=r"does not carry the name 127\.0\.0\.2"):
            await asyncio.to_thread(enrol, url, token, "M1", tmp_path / "M1")


@pytest.mark.parametrize(
    "url",
    ["http://x", "x", "https://", "https://u@x", "https://x/path", "https://x:0", "https://x:a", "https://ä"],
)
def test_a_url_that_is_none_is_refused_before_anything_is_asked(url: str, tmp_path: Path) -> None:
    with pytest.raises(PlaceError, match="is no address of a head-end"):
        enrol(url, str(Token(bytes(16), bytes(20))), "M1", tmp_path)


def test_a_token_that_is_none_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    with pytest.raises(EnrolmentError, match="no enrolment token"):
        enrol("https://127.0.0.1:1", "mbus1-abc", "M1", tmp_path)


@pytest.mark.parametrize("serial", ["unknown", "", "a b", "x" * 65])
def test_a_machine_without_a_serial_number_is_told_to_get_one(serial: str, tmp_path: Path) -> None:
    with pytest.raises(EnrolmentError, match="no serial number"):
        enrol("https://127.0.0.1:1", str(Token(bytes(16), bytes(20))), serial, tmp_path)


def test_an_unknown_name_and_a_closed_port_are_told_apart(tmp_path: Path) -> None:
    token = str(Token(bytes(16), bytes(20)))
    with pytest.raises(HeadEndUnreachableError, match=r"The name nobody\.invalid is not known"):
        enrol("https://nobody.invalid", token, "M1", tmp_path)
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(HeadEndUnreachableError, match="refuses the connection"):
        enrol(f"https://127.0.0.1:{port}", token, "M1", tmp_path)


async def test_what_speaks_no_tls_or_is_no_head_end_is_said(tmp_path: Path) -> None:
    token = str(Token(bytes(16), bytes(20)))

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(speak, "127.0.0.1", 0) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(HeadEndUnreachableError, match=r"does not speak TLS 1\.3"):
            await asyncio.to_thread(enrol, url, token, "M1", tmp_path)


async def test_credentials_that_are_damaged_say_so(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        await site.enrol("M1")
    path = tmp_path / "M1" / "head-end.json"
    whole = path.read_bytes()
    for damaged in (
        whole[:-40],
        b"",
        b"[]",
        b'{"format": 2}',
        whole.replace(b"identity-", b"../idt-"),
        b"[" * 9999,
    ):
        path.write_bytes(damaged)
        state = Credentials(tmp_path / "M1").state(now())
        assert state.standing is Standing.DAMAGED
        assert "is damaged" in str(state.text)


async def test_credentials_lapse_with_their_certificate(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        enrolled = await site.enrol("M1")
        state = site.credentials("M1").state(enrolled.current.expires)
        assert state.standing is Standing.LAPSED
        assert f"lapsed on {enrolled.current.expires:%Y-%m-%d}" in str(state.text)


async def test_who_leaves_the_head_end_keeps_no_key(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        await site.enrol("M1")
        credentials = site.credentials("M1")
        credentials.forget()
        assert list((tmp_path / "M1").iterdir()) == []
        assert credentials.state(now()).standing is Standing.NONE


async def test_a_disk_that_is_full_leaves_what_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tmp_path) as site:
        before = await site.enrol("M1")

        def refuse(path: Path, data: bytes) -> None:
            raise OSError(28, os.strerror(28))

        with monkeypatch.context() as full:
            full.setattr("mbusmaster.hosting.credentials.write_atomically", refuse)
            token = await site.token()
            with pytest.raises(CredentialsError, match="No space left"):
                await site.enrol("M1", token)
        assert Credentials(tmp_path / "M1").load() == before
        # The token is not used up, nor is the old certificate revoked.
        assert (await site.store.tokens())[0].used is None
        await site.enrol("M1", token)
