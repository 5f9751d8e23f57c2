"""The pages as they look, into ``docs/images``: ``make screenshots``, or with names of pictures only those.

The simulated bus is seeded, and what differs from run to run (clock and addresses) is written over before a picture is taken.
"""

import asyncio
import contextlib
import re
import struct
import sys
import tempfile
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

from playwright.async_api import Browser, expect

from browser import fleet_pictures, readings_pictures
from browser.machine_site import machine_site
from support.browser import DESK, PHONE, Site, Visit, Words, chromium, demo_site, visit
from support.needs import PROJECT

TARGET: Final = PROJECT / "docs" / "images"
PAGES: Final = {
    "status": "/status",
    "languages": "/languages",
    "meter-list": "/meters",
    "commissioning": "/meters/commissioning",
    "bus-monitor": "/monitor",
    "hosting": "/configuration/hosting",
    "security": "/configuration/security",
    "trusted-clients": "/configuration/security/clients",
    "mbus": "/configuration/mbus",
    "log": "/configuration/log",
    "backup": "/configuration/backup",
    "restart": "/configuration/restart",
    "erase": "/configuration/restart/erase",
    "users": "/users",
    "add-user": "/users/add",
    "tokens": "/tokens",
    "audit-log": "/audit",
}
OF_THE_MACHINE: Final = {
    "ethernet": "/configuration/ethernet",
    "time": "/configuration/time",
    "firmware": "/configuration/firmware",
}
TRIAL: Final = "ethernet-trial"
DARK: Final = ("status", "meter-list")
ON_A_PHONE: Final = (
    *("status", "meter-list", "security", "bus-monitor"),
    *("log", "erase", "time", "firmware", TRIAL),
)
METERS: Final = 13
EXPECTED: Final = """\
secondary_address,note
804463602D2C3504,Flat 1
769024742D2C1D16,Flat 1
9236679042042002,Flat 2
13414698A7320A04,Flat 3
3445857793154003,Boiler room
555555552D2C3504,Flat 4
"""
ADDRESSES: Final = {
    "IP address": "192.168.1.30",
    "Netmask": "255.255.255.0",
    "Gateway": "192.168.1.1",
    "DNS1": "192.168.1.1",
}
TALLEST: Final = 1400
SHORT: Final = ("bus-monitor",)
COLOURS: Final = 256
STEADY: Final = r"""() => {
    for (const stream of document.querySelectorAll('[sse-connect], [hx-trigger]')) stream.replaceWith(stream.cloneNode(true));
    document.activeElement.blur();
    const write = (selector, text) => {
        for (const one of document.querySelectorAll(selector)) one.textContent = text;
    };
    write('tr[data-field=time] td, [data-clock=master], [data-clock=pc]', '2026 11/22 09:08:07');
    write('[data-clock=difference]', '0');
    write('tr[data-field=ip_address] td', '192.168.1.20');
    write('tr[data-field=serial_number] td', 'MB-0001');
    const ports = { secured_tcp: 1445, plain_tcp: 2445, rfc2217: 2217 };
    for (const [name, port] of Object.entries(ports)) {
        const field = document.getElementsByName(`channels.${name}.port`)[0];
        if (field) field.value = port;
    }
    for (const [name, port] of Object.entries(ports))
        write(`p[data-channel=${name}]`, `Open at 127.0.0.1:${port}, 0 clients connected`);
    const here = new Date().getFullYear();
    const changes = [
        [/\b\d{2}\/\d{2}\/(\d{4})\b/g, (_, year) => `22/11/${2026 + Number(year) - here}`],
        [/\b\d{2}:\d{2}:\d{2}(\.\d+)?/g, (_, part) => part ? '09:08:07.654' : '09:08:07'],
        [/[/\w.]*\/mbusmaster-demo-\w+/g, '/tmp/mbusmaster-demo'],
        [/(127\.0\.0\.1(?: port |:))(?!(?:1445|2445|2217)\b)\d+/g, (_, front) => front + '1445'],
        [/\b[0-9a-f]{40}\b/g, '3d889cf1aa9748ef12256b7139de0ce7762f9c0e'],
        [/\b[0-9a-f]{64}\b/g, 'e10b89fc498ebadf10868e0eabd8a9338acabf30c3f8b29a9f76a25d1e23e1da'],
        [/\bafter \d+ s/g, 'after 14 s'],
        [/\b\d+ ms\b/g, '320 ms'],
        [/\b\d+ more second/g, '57 more second'],
    ];
    const walker = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
    while (walker.nextNode())
        for (const [was, is] of changes) walker.currentNode.data = walker.currentNode.data.replace(was, is);
    const facts = {
        'Interface': 'eth0',
        'Hardware address': '02:00:5e:10:00:01',
        'IP address': '192.168.1.20',
        'Netmask': '255.255.255.0',
        'Gateway': '192.168.1.1',
        'Name servers': '192.168.1.1',
        'Names and addresses': 'mbusmaster, mbusmaster.local, localhost, 127.0.0.1, 192.168.1.20',
    };
    for (const row of document.querySelectorAll('table.facts tr')) {
        const text = facts[row.cells[0].textContent];
        if (text) row.cells[1].textContent = text;
    }
    for (const line of document.querySelectorAll('ol.log li > :last-child'))
        line.textContent = line.textContent.replace(/(certificate for ).*/, '$1mbusmaster, mbusmaster.local, localhost');
}"""


async def main() -> None:
    TARGET.mkdir(parents=True, exist_ok=True)
    wanted = set(sys.argv[1:])
    everything = not wanted
    async with chromium() as browser:
        if everything or wanted & PAGES.keys():
            with demo_site(METERS) as site:
                await pictures_of_the_demo(browser, site, wanted)
        if everything or wanted & {*OF_THE_MACHINE, TRIAL}:
            with tempfile.TemporaryDirectory() as folder:
                async with machine_site(Path(folder)) as site:
                    await pictures_of_the_machine(browser, site, wanted)
        if everything or wanted & readings_pictures.PAGES.keys():
            await readings_pictures.pictures_of_readings(
                browser, wanted, lambda name, png: save(name, small(png))
            )
        if everything or wanted & {*fleet_pictures.PAGES}:
            await fleet_pictures.pictures_of_a_fleet(
                browser, wanted, lambda name, png: save(name, small(png))
            )


async def pictures_of_the_demo(browser: Browser, site: Site, wanted: set[str]) -> None:
    async with resident(browser, site) as user:
        await scan(user)
        for name, path in PAGES.items():
            if not wanted or name in wanted:
                await pictures(user, name, path)


async def pictures_of_the_machine(browser: Browser, site: Site, wanted: set[str]) -> None:
    """Take those that only a machine with a helper shows; a trial of addresses is the last."""
    async with resident(browser, site, has_login=False) as user:
        for name, path in OF_THE_MACHINE.items():
            if not wanted or name in wanted:
                await pictures(user, name, path)
        path = OF_THE_MACHINE["ethernet"]
        await user.open(path)
        await user.field("DHCP").uncheck()
        for label, value in ADDRESSES.items():
            await user.field(label).fill(value)
        await user.button("Save").click()
        await expect(user.button("Keep the new addresses")).to_be_visible()
        await pictures(user, TRIAL, path)


async def pictures(user: Visit, name: str, path: str) -> None:
    await picture(user, name, path)
    if name in DARK:
        await picture(user, f"{name}-dark", path, dark=True)
    if name in ON_A_PHONE:
        await picture(user, f"{name}-phone", path, phone=True)


@contextlib.asynccontextmanager
async def resident(browser: Browser, site: Site, *, has_login: bool = True) -> AsyncIterator[Visit]:
    async with visit(browser, site, Words("en"), reduced_motion="reduce", color_scheme="light") as user:
        if has_login and not sys.argv[1:]:
            await user.open("/login")
            await shoot(user, "login")
        await user.open("/login")
        await user.fill_in_login(site.user, site.password)
        await expect(user.title("Status")).to_be_visible()
        yield user


async def scan(user: Visit) -> None:
    """Fill the meter list, and take a picture meanwhile."""
    await user.open("/meters")
    await user.button("Scan M-Bus master").click()
    await expect(user.main.locator("tr[data-meter]").nth(3)).to_be_visible(timeout=60_000)
    if not sys.argv[1:]:
        await shoot(user, "scan")
        await user.open("/meters")
    over = user.main.locator("[data-running=false]")
    await expect(over).to_contain_text(re.compile("Finished"), timeout=180_000)
    await user.open("/meters/commissioning")
    await user.field("CSV file").set_input_files(
        {"name": "expected.csv", "mimeType": "text/csv", "buffer": EXPECTED.encode()}
    )
    await user.button("Import").click()
    await expect(user.main.locator("tbody tr").first).to_be_visible()


async def picture(user: Visit, name: str, path: str, *, dark: bool = False, phone: bool = False) -> None:
    await user.page.emulate_media(color_scheme="dark" if dark else "light")
    await user.page.set_viewport_size(PHONE if phone else DESK)
    await user.open(path)
    await shoot(user, name)


async def shoot(user: Visit, name: str) -> None:
    await user.page.evaluate(STEADY)
    tallest = DESK["height"] if name in SHORT else TALLEST
    height = min(tallest, await user.page.evaluate("document.documentElement.scrollHeight"))
    size = user.page.viewport_size
    assert size is not None
    await user.page.set_viewport_size({"width": size["width"], "height": max(height, 300)})
    data = small(await user.page.screenshot(animations="disabled", caret="hide"))
    await user.page.set_viewport_size(size)
    save(name, data)


def save(name: str, png: bytes) -> None:
    target = TARGET / f"{name}.png"
    target.write_bytes(png)
    print(f"{target.relative_to(PROJECT)}: {len(png) // 1024} kB")


def small(png: bytes) -> bytes:
    """Give a picture of the browser with a palette: its most frequent colours, and for each other one the nearest of them."""
    width, height, pixels = decoded(png)
    counts = Counter(pixels)
    palette = [colour for colour, _ in counts.most_common(COLOURS)]
    numbers = {colour: number for number, colour in enumerate(palette)}
    for colour in counts:
        if colour not in numbers:
            numbers[colour] = min(range(len(palette)), key=lambda one: _distance(palette[one], colour))
    rows = bytearray()
    for start in range(0, width * height, width):
        rows.append(0)
        rows += bytes(numbers[colour] for colour in pixels[start : start + width])
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = (
        (b"IHDR", header),
        (b"PLTE", b"".join(palette)),
        (b"IDAT", zlib.compress(bytes(rows), 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(map(_chunk, parts))


def decoded(png: bytes) -> tuple[int, int, list[bytes]]:
    """Read a PNG of 8-bit RGB or RGBA as Chromium writes it: width, height, and the pixels as three bytes each."""
    chunks = dict(_chunks(png))
    width, height, depth, kind = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    assert (depth, kind) in ((8, 2), (8, 6)), "an 8-bit picture in RGB or RGBA"
    size = 3 if kind == 2 else 4
    raw = zlib.decompress(chunks[b"IDAT"])
    stride = width * size
    before = bytearray(stride)
    pixels: list[bytes] = []
    for row in range(height):
        start = row * (stride + 1)
        line = bytearray(raw[start + 1 : start + 1 + stride])
        _unfilter(raw[start], line, before, size)
        pixels += [bytes(line[at : at + 3]) for at in range(0, stride, size)]
        before = line
    return width, height, pixels


def _unfilter(kind: int, line: bytearray, before: bytearray, size: int) -> None:
    """Undo a filter of PNG (ISO 15948, 9.2) in place."""
    if kind == 2:
        for at, up in enumerate(before):
            line[at] = (line[at] + up) & 255
        return
    for at in range(len(line)) if kind else ():
        left = line[at - size] if at >= size else 0
        up = before[at]
        corner = before[at - size] if at >= size else 0
        guess = {1: left, 3: (left + up) >> 1}.get(kind)
        line[at] = (line[at] + (_paeth(left, up, corner) if guess is None else guess)) & 255


def _paeth(left: int, up: int, corner: int) -> int:
    estimate = left + up - corner
    return min((left, up, corner), key=lambda one: abs(estimate - one))


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Give the parts of a PNG; those of one kind are joined."""
    found: dict[bytes, bytes] = {}
    at = 8
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        found[kind] = found.get(kind, b"") + png[at + 8 : at + 8 + length]
        at += 12 + length
    yield from found.items()


def _chunk(part: tuple[bytes, bytes]) -> bytes:
    kind, data = part
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _distance(one: bytes, other: bytes) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


if __name__ == "__main__":
    asyncio.run(main())
