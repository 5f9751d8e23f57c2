"""The panel looks while anybody looks at it, and tells changes."""

import asyncio
from pathlib import Path

from mbusmaster.bus.health import BusState, Health
from mbusmaster.system.led_files import LedFiles
from mbusmaster.system.leds import DARK, FLASHING, GREEN, RED, PanelFacts
from mbusmaster.system.panel import Panel
from support.virtual_time import in_virtual_time


class Facts:
    def __init__(self) -> None:
        self.bus = BusState.IDLE
        self.link = False
        self.looks = 0

    def __call__(self) -> PanelFacts:
        self.looks += 1
        return PanelFacts(True, (Health(self.bus),), link=self.link)


async def stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})


@in_virtual_time
async def test_the_state_is_there_without_anybody_working() -> None:
    facts = Facts()
    panel = Panel(facts)
    assert panel.state.mbus == GREEN
    facts.bus = BusState.FAULT
    assert panel.state.mbus == GREEN
    assert facts.looks == 1
    await asyncio.sleep(1.0)
    assert panel.state.mbus == RED


@in_virtual_time
async def test_nobody_looks_when_nobody_wants_to_know() -> None:
    facts = Facts()
    work = asyncio.create_task(Panel(facts).run())
    await asyncio.sleep(3600)
    assert facts.looks == 0
    await stop(work)


@in_virtual_time
async def test_a_watcher_gets_the_state_and_then_each_change() -> None:
    facts = Facts()
    panel = Panel(facts)
    work = asyncio.create_task(panel.run())
    states = panel.watch()
    assert (await anext(states)).mbus == GREEN
    waiting = asyncio.ensure_future(anext(states))
    await asyncio.sleep(10)
    assert not waiting.done()
    assert facts.looks <= 11
    facts.bus = BusState.ACTIVE
    began = asyncio.get_running_loop().time()
    assert (await waiting).mbus == FLASHING
    assert asyncio.get_running_loop().time() - began <= 1.0
    await states.aclose()
    await stop(work)


@in_virtual_time
async def test_a_slow_watcher_gets_the_latest_state_only() -> None:
    facts = Facts()
    panel = Panel(facts)
    work = asyncio.create_task(panel.run())
    states = panel.watch()
    await anext(states)
    for state in (BusState.FAULT, BusState.ACTIVE):
        facts.bus = state
        await asyncio.sleep(2)
    assert (await anext(states)).mbus == FLASHING
    await states.aclose()
    await stop(work)


@in_virtual_time
async def test_many_watchers_cost_one_look_a_second_and_the_last_to_leave_ends_it() -> None:
    facts = Facts()
    panel = Panel(facts)
    work = asyncio.create_task(panel.run())
    watchers = [panel.watch() for _ in range(20)]
    for watcher in watchers:
        await anext(watcher)
    await asyncio.sleep(10.5)
    assert facts.looks <= 12
    for watcher in watchers:
        await watcher.aclose()
    await asyncio.sleep(2)
    looks = facts.looks
    await asyncio.sleep(3600)
    assert facts.looks == looks
    await stop(work)


@in_virtual_time
async def test_real_lamps_follow_without_any_watcher_and_are_dark_at_the_end(tmp_path: Path) -> None:
    brightness = {}
    for name in ("red:power", "red:mbus", "green:mbus"):
        folder = tmp_path / f"mbusmaster:{name}"
        folder.mkdir()
        brightness[name] = folder / "brightness"
        brightness[name].write_text("")
    facts = Facts()
    panel = Panel(facts, LedFiles(tmp_path, {}))
    work = asyncio.create_task(panel.run())
    await asyncio.sleep(1.5)
    assert {name: file.read_text() for name, file in brightness.items()} == {
        "red:power": "1",
        "red:mbus": "0",
        "green:mbus": "1",
    }
    facts.bus = BusState.FAULT
    await asyncio.sleep(1.5)
    assert brightness["red:mbus"].read_text() == "1"
    await stop(work)
    assert {file.read_text() for file in brightness.values()} == {"0"}
    assert panel.state.ethernet == DARK
