from pathlib import Path

from support.web import web_client

SETTINGS = ("ethernet", "hosting", "security", "mbus", "time", "firmware")


async def test_no_page_offers_to_change_where_the_pages_are(tmp_path: Path) -> None:
    fixed = {"web.setup_address": "192.0.2.1", "web.setup_interface": "eth0", "web.port": "8080"}
    async with web_client(tmp_path) as client:
        await client.log_in()
        for name in SETTINGS:
            text = (await client.show(f"/configuration/{name}")).text
            assert not any(f'name="{path}"' in text for path in fixed)
            await client.submit(f"/configuration/{name}", fixed)
        stored = client.services.settings.stored.web
        assert (str(stored.setup_address), stored.setup_interface, stored.port) == ("10.0.0.1", "usb0", 80)
