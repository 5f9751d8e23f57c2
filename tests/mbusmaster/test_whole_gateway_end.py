"""The gateway as a process, when it ends: clean for all who are connected, and erased when somebody wants it."""

import re
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from mbusmaster.system.erase import KEPT, is_ours
from support.site import PASSWORD, USER, Site, site
from support.system import END_SECONDS

pytestmark = pytest.mark.process
NKE = bytes.fromhex("1040014116")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path) as made:
        yield made


def tls(place: Site) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=str(place.folder / "ca.pem"))
    context.load_cert_chain(place.folder / "client.pem")
    context.check_hostname = False
    plain = socket.create_connection(("127.0.0.1", place.ports["secured_tcp"]), timeout=20)
    return context.wrap_socket(plain, suppress_ragged_eofs=False)


def test_everybody_who_is_connected_is_told_and_the_state_is_closed(place: Site) -> None:
    plain = socket.create_connection(("127.0.0.1", place.ports["plain_tcp"]), timeout=20)
    rfc2217 = socket.create_connection(("127.0.0.1", place.ports["rfc2217"]), timeout=20)
    silent = socket.create_connection(("127.0.0.1", place.ports["web"]), timeout=20)
    secured = tls(place)
    for one in (plain, secured):
        one.sendall(NKE)
        assert one.recv(10) == b"\xe5"
    with (
        place.browser() as browser,
        browser.stream("GET", "/status/events", headers={"accept": "text/event-stream"}) as events,
    ):
        assert events.status_code == 200
        place.stop()
        # The last chunk is there: the stream ended, it was not cut off.
        for _ in events.iter_raw():
            pass
    for one in (plain, secured, silent):
        assert one.recv(10) == b""
        one.close()
    while rfc2217.recv(1000):
        pass
    rfc2217.close()
    left = sorted(path.name for path in place.state.iterdir())
    assert not [name for name in left if name.endswith(("-wal", "-shm"))]
    assert all(is_ours(name) or name in KEPT for name in left), left


def test_after_the_own_password_all_data_is_gone_and_the_gateway_is_back_as_new(place: Site) -> None:
    assert place.mbus("read", place.urls["tcp"], "1").returncode == 0
    with place.browser() as browser:
        token = re.search(r'name="csrf" value="([^"]+)"', browser.get("/configuration/restart/erase").text)
        assert token is not None
        answer = browser.post("/configuration/restart/erase", data={"csrf": token[1], "own": PASSWORD})
        assert "The master is restarting" in answer.text
    client = httpx.Client(base_url=f"http://127.0.0.1:{place.ports['web']}")
    until = time.monotonic() + END_SECONDS
    text = ""
    while "all data was erased" not in place.log or not text:
        assert time.monotonic() < until, place.log
        try:
            text = client.get("/login", follow_redirects=True).text
        except httpx.HTTPError:
            time.sleep(0.2)
    client.close()
    files = [path for path in place.state.rglob("*") if path.is_file()]
    for secret in (USER.encode(), b"reader"):
        assert not [path for path in files if secret in path.read_bytes()], secret
