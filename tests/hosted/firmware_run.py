"""A gateway as a process, with a helper, takes a release from a head-end; below `unshare --mount`, apart from this machine.

``python -m hosted.firmware_run FOLDER`` prints what the gateway's slot runs in the end.
"""

import asyncio
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mbusheadend.firmware import Shelf
from mbusmaster.helper.protocol import SOCKET
from mbusmaster.system.update_server import ROOT
from support.headend import running
from support.releases import ReleaseMaker
from support.site import Site, site
from support.slots import Machine
from support.updates import helper_of

PAGE: Final = "/configuration/firmware"
SECONDS: Final = 60.0


def mount(folder: Path) -> None:
    """Put what the package installs where programs look for it, for this process and its children only."""
    above = folder / "above"
    above.mkdir()
    _run("mount", "-t", "tmpfs", "tmpfs", str(above))
    for name in ("share", "work"):
        (above / name).mkdir()
    share = ROOT.parents[1]
    options = f"lowerdir={share},upperdir={above}/share,workdir={above}/work"
    _run("mount", "-t", "overlay", "overlay", "-o", options, str(share))
    _run("mount", "-t", "tmpfs", "tmpfs", str(SOCKET.parents[1]))
    ROOT.parent.mkdir(exist_ok=True)
    SOCKET.parent.mkdir()
    SOCKET.symlink_to("helper")


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


def press(here: Site, path: str) -> None:
    """Press a button on the firmware page."""
    with here.browser() as browser:
        found = re.search(r'name="csrf" value="([^"]+)"', browser.get(PAGE).text)
        assert found is not None
        assert browser.post(f"{PAGE}/{path}", data={"csrf": found[1]}).status_code == 200


async def shows(here: Site, words: str) -> None:
    """Wait until the firmware page says something."""

    def page() -> str:
        with here.browser() as browser:
            return browser.get(PAGE).text

    async with asyncio.timeout(SECONDS):
        while words not in await asyncio.to_thread(page):  # noqa: ASYNC110 - the page tells of it
            await asyncio.sleep(0.2)


async def main(folder: Path) -> None:
    """Do it."""
    mount(folder)
    maker = ReleaseMaker(folder / "made", now=datetime.now(UTC).replace(microsecond=0))
    ROOT.write_bytes(maker.root.read_bytes())
    machine = Machine(folder / "machine", ROOT)
    machine.places = replace(machine.places, spool=folder / "state" / "spool")
    machine.start()
    async with running(folder) as there, helper_of(SOCKET.parent, machine, maker.now):
        shelf = Shelf(there.folder / "head-end", ROOT)
        await asyncio.to_thread(shelf.add, maker.good(42), there.clock())
        await asyncio.to_thread(update, folder, there.url, await there.token(), asyncio.get_running_loop())
    machine.start()
    print(machine.runs())


def update(folder: Path, url: str, token: str, loop: asyncio.AbstractEventLoop) -> None:
    """Take the gateway in, and let it ask and install."""
    with site(folder, meters=1, hosting={"enabled": True}) as here:

        def wait(words: str) -> None:
            asyncio.run_coroutine_threadsafe(shows(here, words), loop).result()

        here.enrol(url, token)
        # Being taken in is enough: it is asked at once.
        wait("this master asks its head-end")
        wait("Release 0042 is here.")
        press(here, "offered")
        wait("Installed: the master restarts")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
