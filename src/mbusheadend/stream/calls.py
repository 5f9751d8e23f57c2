"""Calls of the stream's client that end for sure."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from nats.errors import Error

from mbusheadend.stream.errors import StreamError

T = TypeVar("T")


async def bounded(call: Coroutine[Any, Any, T], seconds: float) -> T:
    """Give what a call gives. Raise what it raises, `TimeoutError`, and `StreamError` where its connection was closed.

    In a task of its own: the waits of the client may swallow a cancellation, and a connection that closes cancels what waits
    for it, neither of which is about whoever calls here.
    """
    task = asyncio.create_task(call)
    task.add_done_callback(_heard)
    try:
        await asyncio.wait([task], timeout=seconds)
        if not task.done():
            raise TimeoutError
        if task.cancelled():
            raise StreamError("the connection to the stream was closed")
        return task.result()
    finally:
        task.cancel()


async def asked(call: Coroutine[Any, Any, T], seconds: float) -> T:
    """The same; all that the client raises becomes `StreamError`."""
    try:
        return await bounded(call, seconds)
    except TimeoutError as error:
        raise StreamError("JetStream does not answer") from error
    except (Error, OSError, ValueError) as error:
        raise StreamError(f"JetStream: {str(error) or repr(error)}") from error


def _heard(task: "asyncio.Task[Any]") -> None:
    """See what came of a call that nobody waits for any more."""
    if not task.cancelled():
        task.exception()
