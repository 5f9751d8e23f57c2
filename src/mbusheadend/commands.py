"""What the commands do: serve, make tokens, list masters, revoke."""

import argparse
import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mbusheadend import schedule_command
from mbusheadend.errors import HeadEndError
from mbusheadend.settings import Settings, load_settings, url_of
from mbusheadend.state import authority_of, see_that_it_is_ours, served_from, stored_in, utc_now
from mbusheadend.store import StoreError
from mbusheadend.stream.settings import servers_of
from mbusheadend.tenants.registry import named, registry_of, settings_of
from mbusheadend.tokens import make_token


def settings_for(
    path: Path,
    *,
    must_exist: bool,
    state: str | Path | None = None,
    listen: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    web_listen: Sequence[str] | None = None,
    stream: str | None = None,
    store: str | None = None,
) -> Settings:
    """Give the settings of a file with what the command line says on top. Raise `HeadEndError`."""
    settings = load_settings(path, must_exist=must_exist)
    above = {
        "state_folder": state,
        "listen": listen,
        "names": names,
        "web_listen": web_listen,
        "store": store and {**({} if settings.store is None else settings.store.model_dump()), "url": store},
        "stream": stream and {**_stream_facts(settings), "servers": servers_of(stream)},
    }
    try:
        return Settings.model_validate(
            {**settings.model_dump(), **{name: value for name, value in above.items() if value}}
        )
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        option = str(first["loc"][0]).replace("_", "-") if first["loc"] else "settings"
        # The address of a store may have a password in it.
        given = "" if option == "store" else f" {first['input']}"
        raise HeadEndError(f"--{option}{given}: {first['msg']}") from error


def settings_of_tenant(settings: Settings, name: str, *, serves: bool) -> Settings:
    """Give the settings of a tenant for a command. Raise `HeadEndError`."""
    if serves:
        raise HeadEndError("a head-end serves all its tenants: --tenant is for the other commands")
    return settings_of(settings, named(registry_of(settings).all(), name))


def _stream_facts(settings: Settings) -> dict[str, Any]:
    return {} if settings.stream is None else settings.stream.model_dump()


async def serve(
    settings: Settings,
    stop: asyncio.Event,
    ready: Callable[[dict[str, str]], None],
    settings_file: Path | None = None,
) -> None:
    """Run the head-end until `stop` is set; `ready` is told where it is. Raise `HeadEndError` or `StoreError`."""
    # What serves is big; the other commands do without it.
    from mbusheadend.service import HeadEnd

    async with served_from(settings) as store:
        authority = authority_of(settings.keys_folder)
        if settings.store is not None:
            try:
                await see_that_it_is_ours(store, authority)
            except StoreError:
                # It comes later; then the stream has the uploads until it does.
                if settings.stream is None:
                    raise
        head_end = HeadEnd(settings, authority, store, settings_file=settings_file)
        try:
            head_end.start()
            found = {"hosting": head_end.url, "web": head_end.web_url, "first_user": head_end.first_user_url}
            ready({name: url for name, url in found.items() if url})
            await stop.wait()
        finally:
            await head_end.stop()


async def write(
    settings: Settings,
    stop: asyncio.Event,
    ready: Callable[[dict[str, str]], None],
    writers: int | None,
) -> None:
    """Write what the stream holds until `stop` is set. Raise `HeadEndError` or `StoreError`."""
    from mbusheadend import stream_command

    await stream_command.write(settings, stop, ready, writers)


async def token(settings: Settings, days: int, note: str, *, as_json: bool) -> None:
    """Make a token and print it."""
    async with stored_in(settings) as store:
        made = str(await make_token(store, authority_of(settings.keys_folder), utc_now(), days, note))
    url = url_of(settings, settings.places[0][1])
    if as_json:
        print(json.dumps({"token": made, "url": url, "days": days}))
        return
    print(made)
    print(f"It takes one master in within {days} days. On the master: mbusmaster enrol {url} {made}")


async def schedule(settings: Settings, options: argparse.Namespace) -> None:
    """Add, list or delete schedules. Raise `HeadEndError`."""
    async with stored_in(settings) as store:
        await schedule_command.run(options, store)


async def masters(settings: Settings, *, as_json: bool) -> None:
    """Print the masters."""
    async with stored_in(settings) as store:
        rows = [(master, await store.certificates(master.serial)) for master in await store.masters()]
    if as_json:
        print(
            json.dumps(
                [
                    {
                        "serial": master.serial,
                        "name": master.name,
                        "enrolled": master.enrolled.isoformat(),
                        "local": master.local and master.local.url,
                        "last_contact": master.last_contact and master.last_contact.isoformat(),
                        "software": master.contact.software if master.contact else None,
                        "certificate_until": next(
                            (one.not_after.isoformat() for one in certificates if one.revoked is None), None
                        ),
                    }
                    for master, certificates in rows
                ]
            )
        )
        return
    for master, certificates in rows:
        until = next((one.not_after for one in certificates if one.revoked is None), None)
        heard = f"{master.last_contact:%Y-%m-%d %H:%M}" if master.last_contact else "never"
        trust = f"certificate until {until:%Y-%m-%d}" if until else "revoked"
        if master.local is not None:
            trust = f"read locally at {master.local.url}"
        print(f"{master.serial:<24}  {master.name:<24}  heard {heard:<16}  {trust}")


async def revoke(settings: Settings, serial: str) -> None:
    """Trust a master no more. Raise `HeadEndError` where there is no such master."""
    async with stored_in(settings) as store:
        await store.master(serial)
        count = await store.revoke_master(serial, utc_now())
    print(f"master {serial} is trusted no more" if count else f"master {serial} was trusted no more already")
