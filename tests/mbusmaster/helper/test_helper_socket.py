"""The socket between the gateway and the helper that has root: who may ask, and what comes back."""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mbusmaster.helper.client import Helper
from mbusmaster.helper.errors import HelperError, HelperGoneError, RefusedError
from mbusmaster.helper.protocol import MAX_LINE
from mbusmaster.helper.server import Deed, HelperServer, Tell


@asynccontextmanager
async def served(folder: Path, deeds: Mapping[str, Deed]) -> AsyncIterator[Helper]:
    path = folder / "helper"
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(path))
    server = await HelperServer(deeds, [os.getuid()]).start(sock)
    async with server:
        yield Helper(path)


async def give_back(arguments: Mapping[str, Any], tell: Tell) -> Mapping[str, Any]:
    return arguments


async def test_a_deed_gets_its_arguments_and_gives_what_came_of_it(tmp_path: Path) -> None:
    async with served(tmp_path, {"test.deed": give_back}) as helper:
        assert helper.is_installed
        assert await helper.do("test.deed", {"name": "Bygning Ø"}) == {"name": "Bygning Ø"}


async def test_a_long_deed_tells_how_far_it_is(tmp_path: Path) -> None:
    async def deed(arguments: Mapping[str, Any], tell: Tell) -> Mapping[str, Any]:
        for percent in (10, 50):
            tell({"percent": percent})
        return {}

    told: list[Mapping[str, Any]] = []
    async with served(tmp_path, {"test.deed": deed}) as helper:
        await helper.do("test.deed", told=told.append)
    assert told == [{"percent": 10}, {"percent": 50}]


async def test_a_refusal_comes_with_text_and_values_apart(tmp_path: Path) -> None:
    async def deed(arguments: Mapping[str, Any], tell: Tell) -> Mapping[str, Any]:
        raise RefusedError("%(address)s is taken", {"address": "10.1.0.7"})

    async with served(tmp_path, {"test.deed": deed}) as helper:
        with pytest.raises(RefusedError, match=r"10\.1\.0\.7 is taken") as caught:
            await helper.do("test.deed")
    assert caught.value.text.template == "%(address)s is taken"


async def test_a_deed_that_fails_leaves_the_service_there_for_the_next(tmp_path: Path) -> None:
    async def deed(arguments: Mapping[str, Any], tell: Tell) -> Mapping[str, Any]:
        raise ZeroDivisionError

    async with served(tmp_path, {"test.deed": deed, "test.other": give_back}) as helper:
        with pytest.raises(RefusedError, match="failed"):
            await helper.do("test.deed")
        assert await helper.do("test.other") == {}


async def test_a_refusal_that_echoes_what_was_asked_writes_no_line_of_its_own_into_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def deed(arguments: Mapping[str, Any], tell: Tell) -> Mapping[str, Any]:
        raise RefusedError("%(value)s is no address", {"value": arguments["value"]})

    async with served(tmp_path, {"test.deed": deed}) as helper:
        with pytest.raises(RefusedError):
            await helper.do("test.deed", {"value": "x\nINFO mbusmaster: all is well\x1b[2K\ud800"})
    assert caplog.messages == [
        r"test.deed refused: 'x\nINFO mbusmaster: all is well\x1b[2K\ud800 is no address'"
    ]


async def test_an_unknown_deed_is_refused_by_name(tmp_path: Path) -> None:
    async with served(tmp_path, {}) as helper:
        with pytest.raises(RefusedError, match=r"no deed slots\.paint"):
            await helper.do("slots.paint")


async def test_how_things_stand_is_told_while_a_long_deed_is_under_way(tmp_path: Path) -> None:
    begun, end = asyncio.Event(), asyncio.Event()

    async def deed(arguments: Mapping[str, Any], tell: Tell) -> Mapping[str, Any]:
        begun.set()
        await end.wait()
        return {}

    async with served(tmp_path, {"slots.install": deed, "slots.state": give_back}) as helper:
        long = asyncio.create_task(helper.do("slots.install"))
        await begun.wait()
        assert await helper.do("slots.state", {"trial": False}) == {"trial": False}
        end.set()
        await long


async def test_deeds_of_one_part_wait_for_each_other_and_those_of_others_do_not(tmp_path: Path) -> None:
    inside: list[str] = []
    go_on = asyncio.Event()

    def waiting(name: str) -> Deed:
        async def deed(arguments: Mapping[str, Any], tell: Tell) -> Mapping[str, Any]:
            inside.append(name)
            tell({"inside": name})
            await go_on.wait()
            return {}

        return deed

    async with (
        served(
            tmp_path,
            {"slots.install": waiting("first"), "slots.confirm": waiting("second"), "clock.set": give_back},
        ) as helper,
        asyncio.TaskGroup() as tasks,
    ):
        begun = asyncio.Event()
        tasks.create_task(helper.do("slots.install", told=lambda _: begun.set()))
        await begun.wait()
        tasks.create_task(helper.do("slots.confirm"))
        assert await helper.do("clock.set") == {}
        assert inside == ["first"]
        go_on.set()
    assert inside == ["first", "second"]


STRANGER = """
import os, socket, sys
if os.getuid() == 0:
    os.setuid(65534)
sock = socket.socket(socket.AF_UNIX)
sock.connect("\\0" + sys.argv[1])
try:
    sock.sendall(b'{"do": "test.deed", "with": {}}\\n')
    print(sock.recv(100))
except ConnectionError:
    print(b"")
"""


@pytest.mark.process
async def test_another_user_of_the_machine_gets_no_answer() -> None:
    sock = socket.socket(socket.AF_UNIX)
    sock.bind("")
    name = sock.getsockname()[1:].decode("ascii")
    async with await HelperServer({"test.deed": give_back}, []).start(sock):
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", STRANGER, name, stdout=asyncio.subprocess.PIPE
        )
        said, _ = await child.communicate()
    assert said == b"b''\n"


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"[]\n",
        b'{"do": 1, "with": {}}\n',
        b'{"do": "test.deed"}\n',
        b"\xff\xfe\n",
        b'{"do": "test.deed", "with": []}\n',
        b"[" * 60_000 + b"\n",
        b"x" * (MAX_LINE + 10),
        b'{"do": "test.deed", "with": {}}',
    ],
    ids=lambda line: repr(line[:30]),
)
async def test_a_line_that_is_no_request_ends_the_connection_and_nothing_else(
    tmp_path: Path, line: bytes
) -> None:
    async with served(tmp_path, {"test.deed": give_back}) as helper:
        reader, writer = await asyncio.open_unix_connection(tmp_path / "helper")
        writer.write(line)
        writer.write_eof()
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()
        assert await helper.do("test.deed") == {}


async def test_where_no_helper_is_the_gateway_says_so(tmp_path: Path) -> None:
    helper = Helper(tmp_path / "nobody")
    assert not helper.is_installed
    with pytest.raises(HelperGoneError, match="does not answer"):
        await helper.do("clock.set")


@pytest.mark.parametrize(
    "answer", [b"", b"rubbish\n", b'{"done": 1}\n', b'{"refused": "x", "values": {"a": []}}\n']
)
async def test_a_helper_that_breaks_off_is_no_success(tmp_path: Path, answer: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(answer)
        writer.close()

    async with await asyncio.start_unix_server(serve, tmp_path / "helper"):
        with pytest.raises(HelperGoneError, match="broke off"):
            await Helper(tmp_path / "helper").do("clock.set")


def test_a_text_with_percent_signs_needs_no_values() -> None:
    assert str(HelperError("100 % done")) == "100 % done"
