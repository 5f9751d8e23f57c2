"""What the head-end writes for chronyd serves time to the masters' own time service."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mbusheadend import cli
from mbusheadend.errors import HeadEndError
from mbusheadend.timeservice import chrony_config
from mbusmaster.system.clock import TimeStatus
from support.certificates import Authority
from support.timeservers import time_servers, watching


def now() -> datetime:
    return datetime.now(UTC)


@pytest.mark.process
@pytest.mark.peers
async def test_a_master_follows_a_chronyd_that_was_told_so(tmp_path: Path) -> None:
    with time_servers(tmp_path) as (server, service, authority):
        pem = authority.issue("time")
        output = tmp_path / "nts.conf"
        arguments = ["--name", "127.0.0.1", "--cert", str(pem.certificate), "--key", str(pem.key)]
        command = ["time-config", *arguments, "--output", str(output)]
        assert await asyncio.to_thread(cli.main, command) == 0
        server.start(pem, settings=output.read_text())
        async with watching(service, server) as watched:
            await watched.until(TimeStatus.AUTHENTICATED)


def test_what_masters_would_refuse_is_refused_before(
    tmp_path: Path,
) -> None:
    pem = Authority(tmp_path).issue("time")
    text = chrony_config(("127.0.0.1",), pem.certificate, pem.key, now(), ("time.example",))
    assert "server time.example iburst nts" in text
    with pytest.raises(HeadEndError, match=r"not for other\.example"):
        chrony_config(("other.example",), pem.certificate, pem.key, now())
    with pytest.raises(HeadEndError, match="valid until"):
        chrony_config(("127.0.0.1",), pem.certificate, pem.key, now() + timedelta(days=9999))
    with pytest.raises(HeadEndError, match="cannot be used"):
        chrony_config(("127.0.0.1",), pem.certificate, pem.certificate, now())
    with pytest.raises(HeadEndError, match="whole path"):
        chrony_config(("127.0.0.1",), Path("here\nallow"), pem.key, now())
