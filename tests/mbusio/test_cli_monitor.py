import asyncio
import json
import threading
from collections.abc import Iterator

import pytest

from mbus.link.decoder import Dropped, Event
from mbus.link.frames import SingleCharacter
from mbusio.cli import main
from mbusio.cli.monitor import ENDED_SECONDS, listen
from mbusio.errors import TransportClosedError
from mbusio.transport import memory_pair
from support.virtual_time import in_virtual_time

REQUEST = bytes.fromhex("107B017C16")
RESPONSE = bytes.fromhex("681515680801721758850 62D2C08040400000004 06E7910000CC16".replace(" ", ""))
RESPONSE = RESPONSE[:-2] + bytes((sum(RESPONSE[4:-2]) & 0xFF, 0x16))
CONVERSATION = REQUEST + RESPONSE + b"\xe5\x68\x05\x05"


@pytest.fixture
def port() -> Iterator[int]:
    """Whoever connects hears a conversation whose last frame is cut short."""
    ready, ports = threading.Event(), list[int]()

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(CONVERSATION)
        writer.close()
        await writer.wait_closed()
        over.set()

    over = asyncio.Event()

    async def serve() -> None:
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        ports.append(server.sockets[0].getsockname()[1])
        ready.set()
        await over.wait()
        server.close()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    ready.wait()
    yield ports[0]
    thread.join()


def test_traffic_is_shown_decoded_in_both_directions(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["monitor", f"tcp://127.0.0.1:{port}"]) == 1
    out, err = capsys.readouterr()
    assert "> REQ_UD2 to 1, FCB 1" in out
    assert "< RSP_UD from 1, 068558172D2C0804, CI 72" in out
    assert "37351000  Wh" in out
    assert "< acknowledged (E5)" in out
    assert "? 3 bytes of no frame" in out
    assert "closed the connection" in err


def test_traffic_as_json_has_a_line_per_frame(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["monitor", f"tcp://127.0.0.1:{port}", "--json"]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["direction"] for line in lines] == ["master", "slave", "slave", None]
    assert lines[0]["bytes"] == "107B017C16"
    assert lines[1]["telegram"]["records"][0]["value"] == 37351000


@in_virtual_time
async def test_a_pause_ends_a_half_frame_so_that_the_next_one_is_seen() -> None:
    near, far = memory_pair()
    events: list[Event] = []
    listening = asyncio.create_task(listen(near, events.append))
    await far.write(b"\x68\x05\x05")
    await asyncio.sleep(ENDED_SECONDS + 0.1)
    await far.write(b"\xe5")
    await asyncio.sleep(0)
    await far.close()
    with pytest.raises(TransportClosedError):
        await listening
    half, ack = events
    assert isinstance(half, Dropped)
    assert half.count == 3
    assert ack == SingleCharacter()
