"""``mbusheadend write`` and ``mbusheadend stream``."""

import argparse
import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any, Final

from mbusheadend.errors import HeadEndError
from mbusheadend.settings import Settings
from mbusheadend.state import stored_in, utc_now
from mbusheadend.stream.settings import StreamSettings

LOOKS: Final = 5
LOOK_SECONDS: Final = 1.0


def stream_of(settings: Settings) -> StreamSettings:
    """Give where the stream is. Raise `HeadEndError` where nothing says it, or its client is not installed."""
    if settings.stream is None:
        raise HeadEndError(
            "there is no stream: name its nodes with --stream, or in the part [stream] of the settings"
        )
    try:
        import nats  # noqa: F401
    except ImportError as error:
        raise HeadEndError("the stream needs its client: pip install 'mbusmaster[stream]'") from error
    return settings.stream


async def write(
    settings: Settings,
    stop: asyncio.Event,
    ready: Callable[[dict[str, str]], None],
    writers: int | None = None,
) -> None:
    """Write what the stream holds until `stop` is set; `ready` is told when that begins. Raise `HeadEndError`."""
    wanted = stream_of(settings)
    from mbusheadend.stream.service import StreamService

    usual: int = StreamSettings.model_fields["writers"].default
    wanted = wanted.model_copy(update={"writers": writers or wanted.writers or usual})
    async with stored_in(settings) as store:
        service = StreamService(wanted, store, utc_now)

        async def tell() -> None:
            await service.ready()
            ready({"stream": wanted.name})

        tasks = [asyncio.create_task(work) for work in (service.run(), tell())]
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([tasks[0], stopping], return_when=asyncio.FIRST_COMPLETED)
            if tasks[0].done():
                tasks[0].result()
        finally:
            for task in (*tasks, stopping):
                task.cancel()
            await asyncio.gather(*tasks, stopping, return_exceptions=True)
            await service.close()


async def run(settings: Settings, options: argparse.Namespace) -> None:
    """Check the stream, or look at its dead letters. Raise `HeadEndError`."""
    wanted = stream_of(settings)
    from nats.errors import Error

    from mbusheadend.stream.errors import StreamError

    try:
        async with _linked(wanted) as link:
            match options.action:
                case "check":
                    await _check(link, wanted, as_json=options.json)
                case "dead":
                    await _list(link, wanted, as_json=options.json)
                case _:
                    await _again(link, wanted, None if options.all else frozenset(options.numbers))
    except (Error, StreamError, OSError) as error:
        raise HeadEndError(str(error)) from error


@asynccontextmanager
async def _linked(settings: StreamSettings) -> AsyncIterator[Any]:
    from mbusheadend.stream.link import Link

    link = Link(settings)
    try:
        await link.open()
        yield link
    finally:
        await link.close()


async def _check(link: Any, settings: StreamSettings, *, as_json: bool) -> None:
    from mbusheadend.stream.layout import consumers, stream_of_readings

    complaints = await _complaints(link, settings)
    state = (await link.jetstream.stream_info(stream_of_readings(settings))).state
    readers = {
        one.name: (one.num_pending or 0) + (one.num_ack_pending or 0)
        for one in await consumers(link.jetstream, stream_of_readings(settings))
    }
    if as_json:
        facts = {"messages": state.messages, "bytes": state.bytes, "waiting": readers}
        print(json.dumps({**facts, "complaints": complaints}))
    else:
        print(f"{stream_of_readings(settings)}: {state.messages} messages, {state.bytes} bytes")
        for name, waiting in readers.items():
            print(f"{name}: {waiting} messages wait")
        for complaint in complaints:
            print(f"! {complaint}")
    if complaints:
        raise HeadEndError("the stream is not as it should be")


async def _complaints(link: Any, settings: StreamSettings) -> tuple[str, ...]:
    """Look a few times: nodes that were just started, or got a new stream, have to find each other first."""
    from mbusheadend.stream.errors import StreamError
    from mbusheadend.stream.layout import prepare

    complaints: tuple[str, ...] = ()
    for left in reversed(range(LOOKS)):
        try:
            complaints = await prepare(link.jetstream, settings)
        except StreamError:
            if not left:
                raise
        else:
            if not complaints:
                break
        if left:
            await asyncio.sleep(LOOK_SECONDS)
    return complaints


async def _list(link: Any, settings: StreamSettings, *, as_json: bool) -> None:
    from mbusheadend.stream.dead import dead_letters

    letters = [one async for one in dead_letters(link.jetstream, settings)]
    if as_json:
        print(json.dumps([asdict(one) for one in letters]))
        return
    for one in letters:
        print(f"{one.number:>8}  {one.serial:<24}  {one.received:<25.25}  {one.readings:>4}  {one.reason}")


async def _again(link: Any, settings: StreamSettings, numbers: frozenset[int] | None) -> None:
    from mbusheadend.stream.dead import try_again

    count = await try_again(link, settings, numbers)
    print(f"{count} dead letters are tried again")
