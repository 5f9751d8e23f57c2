"""The gateway asks the helper for a release, over the socket, with the real programs of the system."""

import socket
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from mbusmaster.helper.client import Helper
from mbusmaster.helper.errors import RefusedError
from mbusmaster.helper.server import HelperServer
from mbusmaster.helper.slots.begin import DID_NOT_START
from mbusmaster.helper.slots.deeds import NO_NAME, deeds, told
from mbusmaster.helper.slots.install import NOT_INSTALLED
from mbusreleases.errors import WRONG_FILE_NAME
from support.releases import NOW, ReleaseMaker
from support.slots import Machine, quick_run


@pytest.fixture
def maker(tmp_path: Path) -> ReleaseMaker:
    return ReleaseMaker(tmp_path / "maker")


@pytest.fixture
def machine(tmp_path: Path, maker: ReleaseMaker) -> Machine:
    machine = Machine(tmp_path / "machine", maker.root, run=None)
    machine.start()
    return machine


def now() -> datetime:
    return NOW


async def ask(
    machine: Machine, verb: str, **arguments: object
) -> tuple[Mapping[str, Any], list[Mapping[str, Any]]]:
    """Ask a helper of this machine."""
    # The path of a socket is short, that of a test is not.
    sock = socket.socket(socket.AF_UNIX)
    sock.bind("")
    name = sock.getsockname()
    server = await HelperServer(deeds(machine.places, now=now, system=Path("/none")), []).start(sock)
    heard: list[Mapping[str, Any]] = []
    try:
        done = await Helper(Path("\0" + name[1:].decode())).do(verb, arguments, told=heard.append)
    finally:
        server.close()
    return done, heard


@pytest.mark.process
async def test_a_release_is_installed_started_and_kept(machine: Machine, maker: ReleaseMaker) -> None:
    path = maker.good(42)
    path.rename(machine.places.spool / path.name)
    done, heard = await ask(machine, "slots.install", file=path.name)
    assert done == {"release": 42, "version": "0.2.42", "slot": "a"}
    assert [facts["step"] for facts in heard][:3] == ["checking", "unpacking", "installing"]

    facts, _ = await ask(machine, "slots.state")
    assert facts == {"current": "package", "release": 1, "version": "0.1.1", "trial": False, "last": None}
    machine.start()
    assert machine.runs() == "release 42"
    facts, _ = await ask(machine, "slots.state")
    assert facts == {"current": "a", "release": 42, "version": "0.2.42", "trial": True, "last": None}
    await ask(machine, "slots.confirm")
    facts, _ = await ask(machine, "slots.state")
    assert facts["trial"] is False
    assert facts["last"] == {"release": 42, "outcome": "installed", "why": "", "values": {}}

    slot = machine.places.root / "a"
    assert not list(slot.glob("lib/python*/site-packages/pip*"))
    assert list(slot.glob("lib/python*/site-packages/mbusmaster/__pycache__/*.pyc"))
    scripts = [path for path in (slot / "bin").iterdir() if not path.is_symlink()]
    assert not [path for path in scripts if b"a.new" in path.read_bytes()]


@pytest.mark.process
async def test_wheels_that_cannot_be_installed_leave_what_runs(machine: Machine, maker: ReleaseMaker) -> None:
    description = maker.description(42)
    target = maker.target(description, "", broken=True)
    maker.repository.offer({description: target}, maker.targets)
    path = maker.repository.release_file(machine.places.spool, maker.offline)
    with pytest.raises(RefusedError) as refused:
        await ask(machine, "slots.install", file=path.name)
    assert refused.value.text.template == NOT_INSTALLED
    assert machine.runs() == "package"
    assert not (machine.places.root / "a.new").exists()


async def test_why_a_release_was_taken_back_is_said(machine: Machine, maker: ReleaseMaker) -> None:
    machine.run = quick_run
    machine.install(maker.crashes_at_start(43))
    for _ in range(4):
        machine.start()
    facts, _ = await ask(machine, "slots.state")
    assert facts["last"] == {
        "release": 43,
        "outcome": "rolled back",
        "why": DID_NOT_START,
        "values": {"release": 43, "starts": 3},
    }


@pytest.mark.parametrize(
    ("arguments", "template"), [({}, NO_NAME), ({"file": 42}, NO_NAME), ({"file": "../x"}, WRONG_FILE_NAME)]
)
async def test_a_wish_without_a_name_is_refused(
    arguments: dict[str, object], template: str, machine: Machine
) -> None:
    with pytest.raises(RefusedError) as refused:
        await ask(machine, "slots.install", **arguments)
    assert refused.value.text.template == template


async def test_a_step_that_takes_long_is_told_again_so_that_nobody_gives_up() -> None:
    again = threading.Event()
    heard: list[Mapping[str, Any]] = []

    def tell(facts: Mapping[str, Any]) -> None:
        heard.append(facts)
        if len(heard) > 3:
            again.set()

    def work(note: Callable[[str, int, int], None]) -> str:
        note("installing", 40, 42)
        return "done" if again.wait(20) else "nothing heard"

    assert await told(work, tell, seconds=0.01) == "done"
    assert heard[1:] == [{"step": "installing", "percent": 40, "release": 42}] * (len(heard) - 1)
