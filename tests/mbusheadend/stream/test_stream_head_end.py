"""A head-end with a stream: masters upload to it over TLS, others read the stream, commands look after it."""

import asyncio
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from mbusheadend.errors import HeadEndError
from mbusheadend.store import StoreError
from mbusheadend.stream.figures import Deed
from mbusheadend.stream.link import Link
from mbusheadend.stream.service import StreamService
from mbushosting.readings import READINGS
from support.headend import Site, running
from support.headend_messages import LATER
from support.nats import Nodes, nodes
from support.needs import PROJECT
from support.settled import settled
from support.stream import SECONDS, stored_ids, stream_settings, upload

pytestmark = pytest.mark.peers


async def ready(site: Site) -> StreamService:
    assert site.head_end.stream is not None
    async with asyncio.timeout(SECONDS):
        await site.head_end.stream.ready()
    return site.head_end.stream


async def written(stream: StreamService, count: int) -> None:
    await settled(lambda: stream.figures.counts[Deed.WRITTEN] == count)


async def test_masters_upload_to_the_stream_and_the_store_has_it_soon(
    cluster: Nodes, name: str, tmp_path: Path
) -> None:
    async with running(tmp_path, stream=stream_settings(cluster, name)) as site:
        stream = await ready(site)
        await site.enrol("M1")
        async with site.client("M1") as client:
            answer = await client.post(READINGS, content=upload(0).model_dump_json())
            assert (answer.status_code, len(answer.json()["stored"])) == (200, 4)
        await written(stream, 1)
        assert sorted(await stored_ids(site.store)) == [1, 2, 3, 4]
        async with site.client() as client:
            assert (await client.get("/health")).json() == {"status": "ok", "store": True, "stream": True}
        text = (await site.head_end.metrics.text()).decode()
        assert 'mbusheadend_stream_uploads_total{outcome="acknowledged"} 1.0' in text
        assert "mbusheadend_stream_up 1.0" in text
        assert "mbusheadend_stream_waiting_messages" in text


async def test_a_store_that_cannot_be_asked_holds_up_no_upload_and_lets_nobody_in_for_good(
    cluster: Nodes, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path, stream=stream_settings(cluster, name)) as site:
        stream = await ready(site)
        await site.enrol("M1")
        revoked = (await site.take_in("M2"))["M2"]
        await site.store.revoke_master("M2", site.clock())

        async def down(*arguments: Any) -> Any:
            raise StoreError("it is down")

        asked = site.store.is_trusted
        monkeypatch.setattr(site.store, "is_trusted", down)
        taken = site.store.take
        monkeypatch.setattr(site.store, "take", down)
        async with site.client("M1") as client:
            answer = await client.post(READINGS, content=upload(0).model_dump_json())
            assert answer.status_code == 200
        async with httpx.AsyncClient(verify=revoked, base_url=site.url, timeout=20) as client:
            answer = await client.post(READINGS, content=upload(1, serial="M2").model_dump_json())
            assert answer.status_code == 200
        monkeypatch.setattr(site.store, "is_trusted", asked)
        monkeypatch.setattr(site.store, "take", taken)
        await written(stream, 1)
        await settled(lambda: stream.figures.counts[Deed.DEAD] == 1)
        assert sorted(await stored_ids(site.store)) == [1, 2, 3, 4]


async def test_a_head_end_without_its_stream_serves_and_refuses_uploads(tmp_path: Path) -> None:
    async with running(tmp_path, stream={"servers": ["nats://127.0.0.1:1"]}) as site:
        await site.enrol("M1")
        async with site.client("M1") as client:
            answer = await client.post(READINGS, content=upload(0).model_dump_json())
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "15")
        async with site.client() as client:
            health = await client.get("/health")
        assert (health.status_code, health.json()["stream"]) == (503, False)
        assert "mbusheadend_stream_up 0.0" in (await site.head_end.metrics.text()).decode()


def test_files_for_the_stream_that_cannot_be_used_are_said_so(
    cluster: Nodes, name: str, tmp_path: Path
) -> None:
    with pytest.raises(HeadEndError, match="certificates for the stream"):
        Link(stream_settings(cluster, name, ca=tmp_path / "none.pem"))


async def test_other_programs_read_the_stream_with_nothing_of_ours(
    cluster: Nodes, name: str, tmp_path: Path
) -> None:
    async with running(tmp_path, stream=stream_settings(cluster, name)) as site:
        stream = await ready(site)
        await site.store.add_token(b"x", site.clock() + timedelta(1), "", site.clock())
        assert await site.store.use_token(b"x", "M.1", site.clock())
        for number in range(3):
            await stream.intake.take("M.1", upload(number, serial="M.1"), LATER)
        shown = (PROJECT / "docs/stream.md").read_text().split("```python\n")[1].split("```")[0]
        program = tmp_path / "reader.py"
        text = shown.replace("nats://n1.example.org", cluster.servers[0])
        text = text.replace("mbus.default.", f"{name}.default.").replace("mbus-readings", f"{name}-readings")
        program.write_text(text)
        lines = await asyncio.to_thread(first_lines, program, 12)
    assert lines[0].startswith("M.1 1234567")
    assert {line.split()[-1] for line in lines} == {"ok"}
    assert len(set(lines)) == 12


def first_lines(program: Path, count: int) -> list[str]:
    """Run a program of others until it has said so much."""
    process = subprocess.Popen([sys.executable, "-I", "-u", str(program)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        return [process.stdout.readline() for _ in range(count)]
    finally:
        process.kill()
        process.communicate()


async def test_nodes_and_head_end_show_each_other_certificates(tmp_path: Path, name: str) -> None:
    (tmp_path / "nodes").mkdir()
    with nodes(tmp_path / "nodes", secure=True) as secure:
        assert secure.authority is not None
        pem = secure.authority.issue("head-end")
        known = {"ca": secure.authority.pem, "certificate": pem.certificate, "key": pem.key}
        async with running(tmp_path, stream=stream_settings(secure, name, **known)) as site:
            stream = await ready(site)
            await site.enrol("M1")
            await stream.intake.take("M1", upload(0), LATER)
            await written(stream, 1)
        stranger = StreamService(
            stream_settings(secure, name, ca=secure.authority.pem), site.store, site.clock
        )
        trying = asyncio.create_task(stranger.run())
        await settled(lambda: "certificate" in stranger.trouble.lower())
        assert not stranger._link.is_up
        trying.cancel()
        await asyncio.wait([trying])
        await stranger.close()
