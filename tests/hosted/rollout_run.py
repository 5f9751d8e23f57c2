"""A gateway as a process, with a helper, is updated by a rollout; below `unshare --mount`, apart from this machine.

``python -m hosted.rollout_run FOLDER`` prints how the rollout and the gateway stand in the end.
"""

import asyncio
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from hosted.firmware_run import mount
from mbusheadend.firmware import Shelf
from mbusheadend.rollout.desk import RolloutDesk
from mbusheadend.rollout.plan import Gate, Plan, Ring
from mbusheadend.rollout.state import MemberState
from mbusmaster.helper.protocol import SOCKET
from mbusmaster.system.update_server import ROOT
from support.headend import Site as HeadEndSite
from support.headend import running
from support.releases import ReleaseMaker
from support.site import Site, site
from support.slots import Machine
from support.updates import helper_of

SECONDS = 90.0
PLAN = Plan(
    release=42,
    rings=(Ring(percent=100, soak_hours=0),),
    gate=Gate(completeness_points=None, alarm_severity=None),
    at_once=True,
)


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
        token, loop = await there.token(), asyncio.get_running_loop()

        def gateway() -> None:
            hosting = {"enabled": True}
            with site(folder, meters=1, trusted=False, hosting=hosting) as here:
                here.enrol(there.url, token)
                asyncio.run_coroutine_threadsafe(roll_out(here, there, shelf, machine), loop).result()

        await asyncio.to_thread(gateway)


async def roll_out(here: Site, there: HeadEndSite, shelf: Shelf, machine: Machine) -> None:
    """Roll the release out, and see it run."""
    desk = RolloutDesk(there.store, shelf, there.clock, there.head_end.rollouts.look)
    async with asyncio.timeout(SECONDS):
        while not any(one.contact for one in await there.store.masters()):  # noqa: ASYNC110
            await asyncio.sleep(0.2)
    rollout = await desk.make(PLAN, "anna")
    await desk.start(rollout.id)
    async with asyncio.timeout(SECONDS):
        while "release 0042 is installed" not in await asyncio.to_thread(lambda: here.log):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    # What the boot does between the end of the gateway and its next start.
    await asyncio.to_thread(machine.start)
    async with asyncio.timeout(SECONDS):
        while True:
            there.head_end.rollouts.look()
            (member,) = await there.store.rollout_members(rollout.id)
            if member.state is not MemberState.ASKED:
                break
            await asyncio.sleep(1)
    state = (await there.store.rollout(rollout.id)).state
    print(f"{member.state}, {state}, {machine.runs()}")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
