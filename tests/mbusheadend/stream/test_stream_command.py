"""`mbusheadend write` and `mbusheadend stream` as programs."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mbusheadend.state import open_store
from mbusheadend.stream.dead import dead_letters
from support.headend_messages import LATER, SERIAL, enrol
from support.nats import Nodes
from support.stream import SECONDS, stored_ids, stream_settings, streaming, upload
from support.system import running

pytestmark = [pytest.mark.peers, pytest.mark.process]

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def places(cluster: Nodes, name: str, tmp_path: Path) -> list[str]:
    """Give the options of every command: a settings file and a state folder of this test."""
    config = tmp_path / "headend.toml"
    config.write_text(
        f'[stream]\nservers = {json.dumps(cluster.servers)}\nname = "{name}"\n'
        f"max_bytes = {16 << 20}\ndead_bytes = {1 << 20}\nwriters = 0\n"
    )
    return ["--config", str(config), "--state", str(tmp_path / "state")]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mbusheadend", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


async def test_a_writer_of_its_own_brings_to_the_store_what_others_took(
    cluster: Nodes, name: str, places: list[str], tmp_path: Path
) -> None:
    store = open_store(tmp_path / "state")
    settings = stream_settings(cluster, name, writers=0)
    try:
        await enrol(store)
        async with streaming(settings, store) as service:
            for number in range(5):
                await service.intake.take(SERIAL, upload(number), LATER)
            await service.intake.take("M9", upload(9, serial="M9"), LATER)
            await service.look()
            assert service.figures.waiting == 6

            def write() -> None:
                with running("mbusheadend", "write", "--json", "--quiet", *places) as writer:
                    assert writer.offers == {"stream": name}
                    asyncio.run(all_written())

            async def all_written() -> None:
                async with asyncio.timeout(SECONDS), streaming(settings, store) as watching:
                    while watching.figures.waiting:
                        await asyncio.sleep(0.2)  # what another process does is asked of the nodes
                        await watching.look()

            await asyncio.to_thread(write)
            assert sorted(await stored_ids(store)) == list(range(1, 21))
            (letter,) = [one async for one in dead_letters(service._link.jetstream, settings)]
        shown = await asyncio.to_thread(run, "stream", "dead", "--json", *places)
        assert [one["number"] for one in json.loads(shown.stdout)] == [letter.number]
        again = await asyncio.to_thread(run, "stream", "again", str(letter.number), *places)
        assert again.stdout == "1 dead letters are tried again\n"
    finally:
        store.close()


def test_the_check_says_what_is_not_as_it_should_be(cluster: Nodes, name: str, places: list[str]) -> None:
    good = run("stream", "check", *places)
    assert (good.returncode, good.stderr) == (0, "")
    assert f"{name}-readings: 0 messages" in good.stdout
    config = Path(places[1])
    config.write_text(config.read_text().replace(f"{16 << 20}", f"{17 << 20}"))
    bad = run("stream", "check", "--json", *places)
    assert bad.returncode == 1
    assert json.loads(bad.stdout)["complaints"] == [
        f"{name}-readings takes {16 << 20} bytes, the settings say {17 << 20}"
    ]


def test_a_stream_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    for options, why in (
        (["--stream", "nats://127.0.0.1:1"], "cannot connect to the stream: nats://127.0.0.1:1"),
        ([], "there is no stream"),
    ):
        ended = run("stream", "check", "--state", str(tmp_path), *options)
        assert ended.returncode == 1
        assert why in ended.stderr
