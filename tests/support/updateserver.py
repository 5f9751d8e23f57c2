"""An update server on loopback over TLS, that can be as bad as servers are."""

import http.server
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, auto
from functools import partial
from pathlib import Path
from typing import Any

from support.certificates import Pem


class Manner(Enum):
    GOOD = auto()
    STALLS = auto()
    DRIPS = auto()
    """Metadata comes at once, and of a release a byte now and then."""
    ENDLESS = auto()
    MISSING = auto()
    REDIRECTS = auto()
    BROKEN = auto()
    NO_HTTP = auto()


class _Handler(http.server.SimpleHTTPRequestHandler):
    def __init__(self, *arguments: Any, server_side: "UpdateSite", **options: Any) -> None:
        self._site = server_side
        super().__init__(*arguments, directory=str(server_side.folder), **options)

    def log_message(self, *_: Any) -> None:
        """Be silent."""

    def do_GET(self) -> None:
        self._site.asked.append(self.path)
        self._site.was_asked.set()
        match self._site.manner:
            case Manner.STALLS:
                self._site.over.wait()
            case Manner.DRIPS if "/targets/" in self.path:
                self._answer(200)
                self._write(b"x")
                self._site.over.wait()
            case Manner.ENDLESS if "root" not in self.path:
                self._answer(200)
                while not self._site.over.is_set() and self._write(b"x" * 65536):
                    pass
            case Manner.MISSING:
                self.send_error(404)
            case Manner.BROKEN:
                self.send_error(500)
            case Manner.REDIRECTS:
                self.send_response(302)
                self.send_header("location", "https://elsewhere.example/")
                self.end_headers()
            case Manner.NO_HTTP:
                self._write(b"220 mail.example ESMTP\r\n")
            case _:
                super().do_GET()

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.end_headers()

    def _write(self, data: bytes) -> bool:
        try:
            self.wfile.write(data)
        except OSError:
            return False
        return True


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Clients break off: that is what the tests are about."""


class UpdateSite:
    """A folder behind an address.

    :ivar manner: how it answers from now on.
    :ivar asked: paths, in order.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manner = Manner.GOOD
        self.asked: list[str] = []
        self.was_asked = threading.Event()
        self.over = threading.Event()
        self.url = ""


@contextmanager
def update_site(folder: Path, pem: Pem) -> Iterator[UpdateSite]:
    """Serve a folder until the block ends."""
    site = UpdateSite(folder)
    server = _Server(("127.0.0.1", 0), partial(_Handler, server_side=site))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem.certificate, pem.key)
    # The handshake is made by the thread of the connection: one that stalls keeps nobody else waiting.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    site.url = f"https://127.0.0.1:{server.server_port}"
    try:
        yield site
    finally:
        site.over.set()
        server.shutdown()
        thread.join()
        server.server_close()
