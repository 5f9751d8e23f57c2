from datetime import timedelta
from pathlib import Path

from mbusheadend.audit_kinds import AuditKind
from mbusheadend.roles import OPERATOR, READER
from mbushosting.contact import Command, CommandKind
from mbushosting.tunnel import TunnelOrder
from support.headend_web import NOW, WebClient, headend_web

ORDER = TunnelOrder(
    bus="cellar", who="olga", source="192.0.2.7", reason="<b>complaint</b>", seconds=60, idle_seconds=60
)


async def with_tunnel(web: WebClient) -> None:
    store = web.services.store
    await store.add_token(b"1", NOW + timedelta(1), "", NOW)
    assert await store.use_token(b"1", "M1", NOW)
    command = Command(
        id="tunnel-1", kind=CommandKind.TUNNEL, expires=NOW + timedelta(minutes=3), tunnel=ORDER
    )
    await store.add_command("M1", command, NOW)


async def test_the_page_of_a_master_lists_its_tunnels_and_ends_one(tmp_path: Path) -> None:
    async with headend_web(tmp_path, OPERATOR) as web:
        await with_tunnel(web)
        page = (await web.show("/masters/M1")).text
        assert "Tunnels to its buses" in page
        assert "192.0.2.7" in page
        assert "&lt;b&gt;complaint&lt;/b&gt;" in page
        await web.submit("/masters/M1/tunnels/tunnel-1/end", {})
        page = (await web.show("/masters/M1")).text
        assert "Tunnels to its buses" not in page
        assert web.audited(AuditKind.TUNNEL) == ["M1: ended tunnel-1 by order"]
        assert (await web.services.store.command("M1", "tunnel-1")).state == "cancelled"
        assert not await web.services.tunnels.list("M1")


async def test_who_only_looks_can_end_none(tmp_path: Path) -> None:
    async with headend_web(tmp_path, READER) as web:
        await with_tunnel(web)
        page = (await web.show("/masters/M1")).text
        assert "192.0.2.7" in page
        assert "tunnels/tunnel-1/end" not in page
        answer = await web.post("/masters/M1/tunnels/tunnel-1/end", data={"csrf": web.csrf})
        assert answer.status_code == 403
