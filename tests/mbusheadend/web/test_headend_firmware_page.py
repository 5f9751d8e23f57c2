from pathlib import Path

import pytest

from mbusheadend.audit_kinds import AuditKind
from mbusheadend.firmware import Shelf
from support.headend_messages import SERIAL, contact, enrol
from support.headend_web import WebClient, headend_web
from support.releases import NOW as MADE
from support.releases import ReleaseMaker


@pytest.fixture
def maker(tmp_path: Path) -> ReleaseMaker:
    return ReleaseMaker(tmp_path / "made")


def shelf(folder: Path) -> Shelf:
    return Shelf(folder / "shelf", folder / "no package")


async def send(client: WebClient, name: str, content: bytes) -> str:
    """Send a file as the page's script does; give the page after it."""
    headers = {"x-csrf-token": client.csrf, "x-file-name": name, "hx-request": "true"}
    answer = await client.post("/firmware/upload", content=content, headers=headers)
    assert answer.headers["hx-redirect"] == "/firmware"
    return (await client.show("/firmware")).text


async def test_a_release_is_dropped_checked_offered_and_removed(tmp_path: Path, maker: ReleaseMaker) -> None:
    file = maker.good(42)
    async with headend_web(tmp_path / "state", firmware=shelf(tmp_path), now=lambda: MADE) as client:
        store = client.services.store
        await enrol(store)
        await store.set_master(SERIAL, name="Mill Lane", groups=("North",))
        await store.note_contact(SERIAL, contact(release="41", software="0.9"), MADE)
        assert "1.root.json" in (await client.show("/firmware")).text
        form = {"csrf": client.csrf}
        files = {"file": (file.name, file.read_bytes()), "root": ("1.root.json", maker.root.read_bytes())}
        taken = await client.post("/firmware/upload", data=form, files=files, follow_redirects=True)
        assert "is good, and offered to all masters" in taken.text
        assert "offered 0042" in taken.text
        assert "1.root.json" not in taken.text
        assert "Release 0042 is here already." in await send(client, file.name, file.read_bytes())
        await client.submit("/firmware/42/offer", group="North")
        assert "Offered to North" in (await client.show("/firmware")).text
        await client.show("/firmware/42/remove")
        assert "There are none yet." in (await client.submit("/firmware/42/remove")).text
        assert "There is no release 0042 here." in (await client.submit("/firmware/42/remove")).text
        assert len(client.audited(AuditKind.FIRMWARE)) == 4
        assert [one.name for one in (tmp_path / "state").glob(".upload-*")] == []


async def test_what_is_no_good_release_is_refused_in_words(tmp_path: Path, maker: ReleaseMaker) -> None:
    good, bad = maker.good(42), maker.altered_file()
    async with headend_web(tmp_path / "state", firmware=shelf(tmp_path), now=lambda: MADE) as client:
        await client.show("/firmware")
        assert "It is not known whose releases to take" in await send(client, good.name, good.read_bytes())
        client.services.firmware.add(good, MADE, root=maker.root)
        for content, name in ((bad.read_bytes(), bad.name), (good.read_bytes(), "../../<b>.tar")):
            assert 'class="banner error"' in await send(client, name, content)
        assert "Choose a file first." in (await client.submit("/firmware/upload")).text
        assert len(client.services.firmware.releases()) == 1


@pytest.mark.parametrize("role", ["reader", "operator"])
async def test_only_administrators_look_after_firmware(tmp_path: Path, role: str) -> None:
    async with headend_web(tmp_path, role) as client:
        await client.show("/about")
        for path in ("/firmware", "/firmware/42/remove"):
            assert (await client.get(path)).status_code == 403
        for path in ("/firmware/upload", "/firmware/42/offer", "/firmware/42/remove"):
            assert (await client.submit(path)).status_code == 403
