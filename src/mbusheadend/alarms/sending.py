"""What both ways of sending have in common: errors, time limits, trust."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from mbusheadend.errors import HeadEndError


class NotDeliveredError(HeadEndError):
    """A message did not arrive; says why, without any secret."""


@contextmanager
def limited(seconds: float, connection: Callable[[], socket.socket | None]) -> Iterator[None]:
    """Cut a connection off when what is done with it takes longer, however slowly the other side drips."""

    def cut() -> None:
        line = connection()
        if line is not None:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def trust(authority: str) -> ssl.SSLContext:
    """Trust this authority only, or those of the system where there is none; raise `NotDeliveredError`."""
    try:
        return ssl.create_default_context(cadata=authority or None)
    except (ssl.SSLError, ValueError) as error:
        raise NotDeliveredError(f"the authority that was given is no certificate: {error}") from None


def reason(error: OSError) -> str:
    """Say a failure of the network in words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "it does not answer"
    return error.strerror or str(error) or type(error).__name__
