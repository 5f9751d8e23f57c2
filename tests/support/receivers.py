"""Who gets messages of alarms, in tests: a real mail server and a real HTTPS server, on loopback."""

import asyncio
import http.server
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any, Final

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from support.certificates import Authority

USER: Final = "head-end"
PASSWORD: Final = "opens the mail server"
DEAF: Final = "nobody@example.org"
"""A receiver that the mail server refuses."""


@dataclass(slots=True)
class Mailbox:
    """A mail server on loopback.

    :ivar logins: user names that were let in.
    """

    port: int
    authority: str
    mails: list[Any] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)


class _Handler:
    def __init__(self, mails: list[Any]) -> None:
        self._mails = mails

    async def handle_RCPT(  # noqa: N802 - the server calls it so
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address == DEAF:
            return "550 nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        self._mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@contextmanager
def mail_server(folder: Path, *, starttls: bool = True, login: bool = True) -> Iterator[Mailbox]:
    """Run a mail server with STARTTLS, or with TLS from the beginning."""
    authority = Authority(folder)
    pem = authority.issue("mail")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem.certificate, pem.key)
    box = Mailbox(0, authority.pem.read_text())

    def known(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        fits = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        if fits:
            box.logins.append(data.login.decode())
        return AuthResult(success=fits, handled=False)

    options: dict[str, Any] = {"hostname": "127.0.0.1", "port": 0, "ready_timeout": 20}
    if starttls:
        options |= {"tls_context": context, "require_starttls": True}
    else:
        options["ssl_context"] = context
    if login:
        options |= {
            "authenticator": known,
            "auth_required": starttls,
            "auth_require_tls": starttls,
        }
    controller = _AnyPort(_Handler(box.mails), **options)
    controller.start()
    try:
        box.port = controller.port
        yield box
    finally:
        controller.stop()


class _AnyPort(Controller):
    """On a port that is free; the original looks for the one that it was told."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


@dataclass(slots=True)
class Receiver:
    """An HTTPS server on loopback.

    :ivar answers: status of the next answers; then 204.
    :ivar got: path, headers, body of each request.
    """

    url: str
    authority: str
    answers: list[int] = field(default_factory=list)
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    body: bytes = b""


@contextmanager
def https_receiver(folder: Path) -> Iterator[Receiver]:
    """Run a receiver of webhooks."""
    folder.mkdir(exist_ok=True)
    authority = Authority(folder)
    pem = authority.issue("receiver")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem.certificate, pem.key)
    receiver = Receiver("", authority.pem.read_text())

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.got.append(
                (self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            )
            status = receiver.answers.pop(0) if receiver.answers else 204
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", receiver.url + "/elsewhere")
            self.send_header("Content-Length", str(len(receiver.body)))
            self.end_headers()
            self.wfile.write(receiver.body)

        def log_message(self, format: str, *args: object) -> None:
            return None

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        server.socket = context.wrap_socket(server.socket, server_side=True)
        receiver.url = f"https://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
