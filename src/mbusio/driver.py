"""Runs procedures on a line."""

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeVar

from mbus.procedures.steps import BaudChange, Note, Outcome, Pause, Procedure, Request

T = TypeVar("T")


class Bus(Protocol):
    """What a procedure needs: a `mbusio.line.Line`, or one client's share of it."""

    async def transact(self, request: Request) -> Outcome:
        """Carry out one transaction."""

    async def set_baud(self, baud: int) -> None:
        """Use another rate from now on."""


async def run(procedure: Procedure[T], bus: Bus, *, watch: Callable[[Note], None] | None = None) -> T:
    """Carry out a procedure's steps until it returns; give what it returns.

    :param watch: is told the procedure's notes.

    What the procedure raises, and `TransportClosedError`, pass through. Cancelled, the procedure is closed.
    """
    outcome: Outcome | None = None
    try:
        while True:
            step = procedure.send(outcome)
            outcome = None
            match step:
                case Request():
                    outcome = await bus.transact(step)
                case Pause():
                    await asyncio.sleep(step.seconds)
                case BaudChange():
                    await bus.set_baud(step.baud)
                case Note():
                    if watch is not None:
                        watch(step)
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        procedure.close()
