"""A head-end, a gateway that lets its bus be read through a tunnel, and who reads."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mbusheadend.audit_kinds import AuditKind
from mbusheadend.roles import ADMIN, OPERATOR
from mbushosting.tunnel import TunnelOffer
from mbusio.transport import Transport, open_transport
from mbusio.transport.url import TOKEN_VARIABLE
from mbusweb.access import Access
from support.headend import Site as HeadEndSite
from support.headend import running
from support.site import PASSWORD, SERIAL, Site, site

WEB = ("http://127.0.0.1:0",)
"""Where the pages are, and with them those who want tunnels."""


async def secret_of(access: Access, role: str = OPERATOR, name: str = "olga") -> str:
    """Make a user with a token; give that."""
    if not access.is_set_up:
        await access.add_user("root", PASSWORD, role=ADMIN)
    if name not in {user.name for user in access.users()}:
        await access.add_user(name, PASSWORD, role=role)
    return (await access.create_token(name, "tunnel", role=role))[1]


def access_of(there: HeadEndSite) -> Access:
    """Give the users of a head-end."""
    return there.head_end.access


@dataclass
class Scene:
    """Both, as programs would find them; the head-end is in this process."""

    there: HeadEndSite
    here: Site
    token_file: Path

    @property
    def access(self) -> Access:
        return access_of(self.there)

    @property
    def web_port(self) -> int:
        return int(self.there.head_end.web_url.rpartition(":")[2])

    def url(self, more: str = "", *, token: str = "", port: int = 0) -> str:
        """Give the URL of the bus.

        :param more: parameters; :param token: another file with one; :param port: of a way to the head-end.
        """
        return f"hosted://127.0.0.1:{port or self.web_port}/{SERIAL}?tls=off&token-file={token or self.token_file}{more}"

    async def open(self, more: str = "") -> Transport:
        return await open_transport(self.url(more))

    async def audited(self, count: int) -> list[str]:
        """Wait until so many entries on tunnels are there; give them, the oldest first."""
        async with asyncio.timeout(20):
            while True:
                found = [
                    one.detail for one in self.access.audit.entries(None, 50) if one.kind == AuditKind.TUNNEL
                ]
                if len(found) >= count:
                    return found[::-1]
                await asyncio.sleep(0.05)

    async def mbus(self, *arguments: str) -> tuple[int, str, str]:
        """Run one of our commands to its end."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "mbusio.cli", *arguments, stdout=PIPE, stderr=PIPE
        )
        out, err = await process.communicate()
        return process.returncode or 0, out.decode(), err.decode()

    @asynccontextmanager
    async def port(self, url: str) -> AsyncIterator[str]:
        """Run ``mbus tunnel``; give where it listens."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "mbusio.cli",
            "tunnel",
            url,
            "--listen",
            "127.0.0.1:0",
            "--json",
            stdout=PIPE,
        )
        try:
            assert process.stdout is not None
            yield json.loads(await process.stdout.readline())["listen"]
        finally:
            process.kill()
            await process.wait()

    async def is_offered(self, offer: TunnelOffer) -> None:
        """Wait until the head-end knows what the gateway offers."""
        async with asyncio.timeout(30):
            while True:
                contact = (await self.there.store.master(SERIAL)).contact
                if contact is not None and contact.tunnel == offer:
                    return
                await asyncio.sleep(0.05)

    def set(self, **settings: Any) -> None:
        """Change settings of hosting on the gateway's page."""
        with self.here.browser() as browser:
            token = browser.get("/configuration/hosting").text.split('name="csrf" value="')[1].split('"')[0]
            form = {
                "csrf": token,
                **{f"hosting.{name}": str(value).lower() for name, value in settings.items()},
            }
            assert browser.post("/configuration/hosting", data=form).status_code == 200


@asynccontextmanager
async def scene(folder: Path, *, meters: int = 4, allow: bool = True, **bus: Any) -> AsyncIterator[Scene]:
    """Run both until the block ends; the gateway is enrolled and has called."""
    assert TOKEN_VARIABLE not in os.environ
    async with running(folder, web_listen=WEB) as there:
        token_file = folder / "token"
        token_file.write_text(await secret_of(access_of(there)))
        hosting = {"enabled": True, "allow_tunnel": allow}
        with site(folder, meters=meters, hosting=hosting, **bus) as here:
            await asyncio.to_thread(here.enrol, there.url, await there.token())
            this = Scene(there, here, token_file)
            await this.is_offered(TunnelOffer.ON if allow else TunnelOffer.OFF)
            yield this
