"""One connection to the head-end: TCP, perhaps through a proxy, TLS 1.3, HTTP/1.1 that is kept alive. Blocks; for a thread.

It is used by one thread at a time, and once: what was closed stays closed. `close` may be called from any other thread and ends
at once whatever is waited for, save the asking for a name, which the system does not give up.
"""

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from mbusmaster.hosting.places import HTTPS_PORT, Place, Proxy

CONNECT_SECONDS: Final = 15.0
"""For TCP, for the proxy's answer and for the handshake, each."""
MAX_PROXY_HEADER: Final = 16 * 1024

Socket = TypeVar("Socket", bound=socket.socket)


class ProxyError(OSError):
    """The proxy does not let us through.

    :ivar status: its answer's, 0 where that was none of HTTP.
    """

    def __init__(self, status: int) -> None:
        super().__init__(f"the proxy answers {status}")
        self.status = status


class TooLongError(ValueError):
    """An answer was longer than anything that a head-end says."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the head-end.

    :ivar retry_after: seconds, None where it says nothing that can be understood.
    """

    status: int
    body: bytes
    retry_after: float | None = None


class _Http(http.client.HTTPConnection):
    """HTTP on a socket that is opened here."""

    default_port = HTTPS_PORT
    auto_open = 0


class Connection:
    """A connection that opens with its first request.

    :param context: makes what TLS works with; it may raise `OSError`.
    """

    def __init__(self, place: Place, proxy: Proxy | None, context: Callable[[], ssl.SSLContext]) -> None:
        self._place = place
        self._proxy = proxy
        self._context = context
        self._http: _Http | None = None
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._is_used = False
        self._is_closed = False

    @property
    def is_closed(self) -> bool:
        """Whether it was closed, from outside or after a failure."""
        return self._is_closed

    def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        seconds: float,
        limit: int,
    ) -> Answer:
        """Ask and give the answer; where a kept connection has ended meanwhile, ask again on a new one.

        :param seconds: of silence that are waited for.
        :param limit: bytes of an answer's body.

        Raise `OSError`, `http.client.HTTPException` or `TooLongError`; the connection is closed then.
        """
        kept = self._http is not None
        with self._lock:
            self._is_used = True
        try:
            try:
                return self._ask(method, path, body, headers or {}, seconds, limit)
            except (ConnectionError, ssl.SSLEOFError):
                if not kept or self._is_closed:
                    raise
                self._drop()
                return self._ask(method, path, body, headers or {}, seconds, limit)
        except BaseException:
            self._is_closed = True
            raise
        finally:
            with self._lock:
                self._is_used = False
            if self._is_closed:
                self._drop()

    def reach(self) -> socket.socket:
        """Give a socket to the head-end, where TLS may begin, instead of a request; it is the caller's. Raise `OSError`."""
        with self._lock:
            self._is_used = True
        opened = self._reach_through()
        with self._lock:
            self._socket = None
            self._is_closed = True
        return opened

    def close(self) -> None:
        """End it; a request that is under way in another thread fails at once."""
        with self._lock:
            self._is_closed = True
            if self._is_used:
                # Whoever waits wakes up, and lets go of it. TLS's own shutdown would pull the ground away under that thread.
                if self._socket is not None:
                    with contextlib.suppress(OSError):
                        socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
                return
        self._drop()

    def _drop(self) -> None:
        with self._lock:
            self._http = None
            if self._socket is not None:
                self._socket.close()
                self._socket = None

    def _ask(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str], seconds: float, limit: int
    ) -> Answer:
        connection = self._http or self._open()
        opened = connection.sock
        opened.settimeout(seconds)
        try:
            connection.request(method, path, body, dict(headers))
        except (ConnectionError, ssl.SSLEOFError):
            # The alert that says why may lie there unread.
            opened.settimeout(1.0)
            with contextlib.suppress(ConnectionError, ssl.SSLEOFError, TimeoutError):
                opened.recv(1)
            raise
        with contextlib.closing(connection.getresponse()) as response:
            data = response.read(limit + 1)
            if len(data) > limit:
                raise TooLongError
            if not response.isclosed():
                raise http.client.IncompleteRead(data)
        if response.will_close:
            self._drop()
        return Answer(response.status, data, _seconds(response.getheader("Retry-After")))

    def _open(self) -> _Http:
        context = self._context()
        opened = self._reach_through()
        secured = context.wrap_socket(
            opened,
            server_hostname=self._place.host,
            do_handshake_on_connect=False,
            suppress_ragged_eofs=False,
        )
        self._hold(secured).settimeout(CONNECT_SECONDS)
        secured.do_handshake()
        connection = _Http(self._place.host, self._place.port)
        connection.sock = secured
        self._http = connection
        return connection

    def _reach_through(self) -> socket.socket:
        first = self._proxy or self._place
        opened = self._reach(first.host, first.port)
        if self._proxy is not None:
            _tunnel(opened, self._place, self._proxy)
        return opened

    def _reach(self, host: str, port: int) -> socket.socket:
        failure: OSError | None = None
        for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            opened = self._hold(socket.socket(family, kind, protocol))
            try:
                opened.settimeout(CONNECT_SECONDS)
                opened.connect(address)
            except OSError as error:
                failure = error
                opened.close()
                self._check()
            else:
                opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return opened
        raise failure or OSError("the name has no address")

    def _hold(self, opened: Socket) -> Socket:
        """Let `close` find the socket; where it came before, end here."""
        with self._lock:
            self._socket = opened
        self._check()
        return opened

    def _check(self) -> None:
        if self._is_closed:
            raise ConnectionAbortedError("closed by ourselves")


def _tunnel(opened: socket.socket, place: Place, proxy: Proxy) -> None:
    lines = [f"CONNECT {place.authority} HTTP/1.1", f"Host: {place.authority}"]
    if proxy.credentials:
        lines.append(f"Proxy-Authorization: Basic {proxy.credentials}")
    opened.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))
    got = b""
    while b"\r\n\r\n" not in got:
        more = opened.recv(4096)
        got += more
        if not more or len(got) > MAX_PROXY_HEADER:
            raise ProxyError(0)
    # The other side of the tunnel waits for our handshake: nothing can come before that.
    first = got.partition(b"\r\n")[0].split(None, 2)
    is_http = len(first) > 1 and first[0].startswith(b"HTTP/1.") and first[1].isdigit() and len(first[1]) == 3
    status = int(first[1]) if is_http else 0
    if status != http.client.OK:
        raise ProxyError(status)


def _seconds(text: str | None) -> float | None:
    if text is None or not text.isdecimal():
        return None
    return float(min(int(text[:9]), 86400))
