"""What comes of holding a button, in virtual time."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from mbusmaster.system.button import (
    KEEP_SECONDS,
    LONGEST_KEEP_SECONDS,
    ButtonError,
    Press,
    ResetButton,
    VirtualButton,
)
from support.virtual_time import in_virtual_time


class Resets:
    def __init__(self) -> None:
        self.at: list[float] = []
        self.fails = False

    async def __call__(self) -> None:
        self.at.append(round(asyncio.get_running_loop().time(), 3))
        if self.fails:
            raise RuntimeError("disk full")


class Scripted:
    """A button that does what a list says: seconds to wait, then the contact; None fails."""

    def __init__(self, *steps: tuple[float, bool | None]) -> None:
        self.steps = list(steps)
        self.opened = 0

    async def presses(self) -> AsyncGenerator[Press, None]:
        self.opened += 1
        while self.steps:
            seconds, is_pressed = self.steps.pop(0)
            await asyncio.sleep(seconds)
            if is_pressed is None:
                raise ButtonError("the button is gone")
            yield Press(is_pressed, asyncio.get_running_loop().time())
        await asyncio.Event().wait()


async def run_for(button: ResetButton, seconds: float) -> None:
    work = asyncio.create_task(button.run())
    await asyncio.sleep(seconds)
    work.cancel()
    await asyncio.wait({work})
    assert work.cancelled()


@in_virtual_time
async def test_the_reset_comes_after_ten_seconds_while_the_button_is_held() -> None:
    resets = Resets()
    await run_for(ResetButton([Scripted((5.0, True), (30.0, False))], resets), 100.0)
    assert resets.at == [15.0]


@in_virtual_time
async def test_a_button_let_go_too_early_resets_nothing() -> None:
    resets = Resets()
    await run_for(ResetButton([Scripted((5.0, True), (9.5, False))], resets), 100.0)
    assert resets.at == []


@in_virtual_time
async def test_one_button_does_not_end_the_hold_of_another() -> None:
    resets = Resets()
    buttons = [Scripted((0.0, True), (20.0, False)), Scripted((3.0, True), (1.0, False))]
    await run_for(ResetButton(buttons, resets), 100.0)
    assert resets.at == [10.0]


@in_virtual_time
async def test_a_reset_that_fails_is_told_and_the_button_works_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    resets = Resets()
    resets.fails = True
    steps = ((0.0, True), (11.0, False), (1.0, True), (11.0, False))
    await run_for(ResetButton([Scripted(*steps)], resets), 100.0)
    assert resets.at == [10.0, 22.0]
    assert "the reset failed" in caplog.text


@in_virtual_time
async def test_a_button_that_is_gone_is_told_once_and_opened_again(caplog: pytest.LogCaptureFixture) -> None:
    resets = Resets()
    steps = ((0.0, True), (1.0, None), (0.0, None), (0.0, True), (12.0, False))
    button = Scripted(*steps)
    await run_for(ResetButton([button], resets), 100.0)
    assert button.opened == 3
    assert caplog.text.count("the button is gone") == 1
    assert resets.at == [31.0]


@in_virtual_time
async def test_a_button_on_a_page_is_held_as_long_as_the_page_says_so() -> None:
    resets = Resets()
    virtual = VirtualButton()
    button = ResetButton([virtual], resets)
    work = asyncio.create_task(button.run())
    for _ in range(11):
        virtual.press()
        await asyncio.sleep(1.0)
    virtual.release()
    await asyncio.sleep(30.0)
    assert resets.at == [10.0]
    assert button.progress == 0.0
    work.cancel()


@in_virtual_time
async def test_a_page_that_is_gone_has_let_go() -> None:
    resets = Resets()
    virtual = VirtualButton()
    button = ResetButton([virtual], resets)
    work = asyncio.create_task(button.run())
    virtual.press()
    await asyncio.sleep(KEEP_SECONDS / 2)
    assert 0.0 < button.progress < 1.0
    await asyncio.sleep(60.0)
    assert resets.at == []
    assert button.progress == 0.0
    work.cancel()


@in_virtual_time
async def test_a_page_without_a_program_presses_for_a_time() -> None:
    resets = Resets()
    virtual = VirtualButton()
    button = ResetButton([virtual], resets)
    work = asyncio.create_task(button.run())
    virtual.press(keep=1e9)
    await asyncio.sleep(LONGEST_KEEP_SECONDS + 1)
    assert resets.at == [10.0]
    assert button.progress == 0.0
    work.cancel()


@in_virtual_time
async def test_a_page_button_that_nobody_reads_fills_nothing() -> None:
    virtual = VirtualButton()
    for _ in range(1000):
        virtual.press()
        virtual.release()
    resets = Resets()
    await run_for(ResetButton([virtual], resets), 30.0)
    assert resets.at == []


@in_virtual_time
async def test_without_any_button_there_is_nothing_to_do() -> None:
    button = ResetButton([], Resets())
    await button.run()
    assert button.progress == 0.0
