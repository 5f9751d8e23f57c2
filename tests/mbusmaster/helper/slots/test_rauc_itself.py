"""RAUC itself installs what was checked, into systems that are files here, on a bus of its own."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mbusmaster.helper.errors import RefusedError
from mbusmaster.helper.slots.install import NOT_INSTALLED
from mbusmaster.helper.slots.rauc import Images
from support.needs import program
from support.releases import NOW, ReleaseMaker
from support.slots import Machine

SYSTEM = """[system]
compatible=mbusmaster-test
bootloader=noop
mountprefix={folder}/mounted
statusfile={folder}/status
[keyring]
path={folder}/cert.pem
[slot.rootfs.0]
device={folder}/a.img
type=raw
bootname=A
[slot.rootfs.1]
device={folder}/b.img
type=raw
bootname=B
"""
MANIFEST = """[update]
compatible=mbusmaster-test
version=42
[bundle]
format=plain
[image.rootfs]
filename=root.img
"""
BUS = """<busconfig><type>system</type><listen>unix:path={folder}/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_type="method_call"/>
<allow send_destination="*"/><allow receive_sender="*"/></policy></busconfig>
"""
CONTENT = os.urandom(100_000)


def run(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def rauc(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A service that looks after two systems; gives its folder."""
    # The path of a socket is short.
    folder = tmp_path_factory.mktemp("r")
    needed = {
        "rauc": "rauc",
        "mksquashfs": "squashfs-tools",
        "dbus-daemon": "dbus-daemon",
        "gdbus": "libglib2.0-bin",
    }
    for name, package in needed.items():
        program(name, package)
    (folder / "mounted").mkdir()
    (folder / "a.img").write_bytes(bytes(200_000))
    (folder / "b.img").write_bytes(bytes(200_000))
    (folder / "system.conf").write_text(SYSTEM.format(folder=folder))
    (folder / "bus.conf").write_text(BUS.format(folder=folder))
    request = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test", "-days", "30")
    run(*request, "-keyout", folder / "key.pem", "-out", folder / "cert.pem")
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={folder}/bus")
    bus = subprocess.Popen(
        ["dbus-daemon", f"--config-file={folder}/bus.conf", "--nofork", "--print-address"],
        stdout=subprocess.PIPE,
    )
    assert bus.stdout is not None
    assert bus.stdout.readline()
    # It mounts what it installs: in a name space that goes with it.
    service = subprocess.Popen(
        ["unshare", "--mount", "rauc", f"--conf={folder}/system.conf", "--override-boot-slot=A", "service"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        run("gdbus", "wait", "--system", "--timeout", "20", "de.pengutronix.rauc")
        yield folder
    finally:
        for process in (service, bus):
            process.terminate()
            process.wait(20)
        bus.stdout.close()


def bundle(folder: Path) -> bytes:
    made = folder / "in"
    made.mkdir()
    (made / "root.img").write_bytes(CONTENT)
    (made / "manifest.raucm").write_text(MANIFEST)
    keys = (f"--cert={folder}/cert.pem", f"--key={folder}/key.pem")
    run("rauc", "bundle", *keys, made, folder / "made.raucb")
    return (folder / "made.raucb").read_bytes()


@pytest.mark.peers
@pytest.mark.process
def test_rauc_writes_the_other_system_and_refuses_what_it_does_not_trust(rauc: Path, tmp_path: Path) -> None:
    maker = ReleaseMaker(tmp_path / "maker")
    machine = Machine(tmp_path / "machine", maker.root)
    images = Images(machine.places, now=lambda: NOW)
    image = bundle(rauc)

    damaged = bytearray(image)
    damaged[1000] ^= 1
    path = maker.image(42, bytes(damaged))
    path.rename(machine.places.spool / path.name)
    with pytest.raises(RefusedError) as refused:
        images.install(path.name, from_server=False, tell=lambda *facts: None)
    assert refused.value.text.template == NOT_INSTALLED
    assert "signature verification failed" in str(refused.value)

    path = maker.image(43, image)
    path.rename(machine.places.spool / path.name)
    assert images.install(path.name, from_server=False, tell=lambda *facts: None).release == 43
    assert (rauc / "b.img").read_bytes().startswith(CONTENT)
    assert not any((rauc / "a.img").read_bytes())
    images.confirm()
