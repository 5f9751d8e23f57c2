"""Dialling the head-end for a tunnel: a connection beside the others, on the event loop, with the master's certificate."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

from mbushosting.contact import Refusal
from mbushosting.tunnel import TUNNEL
from mbusio.tunnel.streaming import RefusedError, Streaming, StreamingError
from mbusmaster.hosting.connection import Answer, Connection
from mbusmaster.hosting.credentials import Credentials, CredentialsError, Enrolled
from mbusmaster.hosting.explain import explain_answer, explain_failure
from mbusmaster.hosting.link import in_thread
from mbusmaster.hosting.link_errors import HeadEndRefusedError, HeadEndUnreachableError
from mbusmaster.hosting.places import Proxy
from mbusweb.texts import Text, mark

HANDSHAKE_SECONDS: Final = 15.0
ANSWER_SECONDS: Final = 15.0
_LIMIT: Final = 32 * 1024
_BROKEN: Final = mark("The connection for a tunnel broke: %(why)s")


async def dial(
    credentials: Credentials,
    enrolled: Enrolled,
    proxy: Proxy | None,
    tunnel: str,
    now: Callable[[], datetime],
) -> Streaming:
    """Open the connection for a tunnel. Raise `HeadEndError`.

    :param tunnel: its id.
    """
    place = enrolled.place
    connection = Connection(place, proxy, lambda: credentials.context(enrolled, enrolled.identity))
    try:
        context = credentials.context(enrolled, enrolled.identity)
        sock = await in_thread(connection.reach, connection.close)
        sock.setblocking(False)
        reader, writer = await asyncio.open_connection(
            sock=sock,
            ssl=context,
            server_hostname=place.host,
            ssl_handshake_timeout=HANDSHAKE_SECONDS,
            limit=_LIMIT,
        )
    except CredentialsError as error:
        raise HeadEndRefusedError(error.text, needs_token=True) from error
    except OSError as error:
        raise explain_failure(error, place, proxy, now()) from error
    streaming = Streaming(reader, writer)
    try:
        await _ask(streaming, enrolled, tunnel)
    except BaseException:
        await streaming.close()
        raise
    return streaming


async def _ask(streaming: Streaming, enrolled: Enrolled, tunnel: str) -> None:
    place = enrolled.place
    try:
        await streaming.ask(place.authority, f"{TUNNEL}/{tunnel}", {}, ANSWER_SECONDS)
    except RefusedError as error:
        refusal = Refusal(reason=error.detail, code=str(error.body.get("code", ""))[:200])
        raise explain_answer(Answer(error.status, refusal.model_dump_json().encode()), place) from error
    except StreamingError as error:
        raise HeadEndUnreachableError(Text(_BROKEN, {"why": str(error)})) from error
