"""Asks an update server, in a program of its own: ``python -m mbusmaster.system.update_child``, run by `update_server`.

What checks releases needs more memory than the gateway has left, and only for seconds; and a server that stalls is left by ending
the program. One request comes on standard input and its answers go to standard output, as lines of `mbusmaster.helper.protocol`;
when standard input ends, whoever asked is gone, and the program ends too.

::

    → update.fetch {"url", "ca_file", "head_end", "authority", "identity", "proxy", "root", "store", "folder", "installed",
      "fetch", "images", "timeout"}; the first six are those of `update_source.UpdateSource`
    ← progress {"release", "percent"}
    ← done {"release": number of the newest release or 0, "file": its file in the folder; empty where it was not fetched}
    ← refused, with what is wrong
"""

import contextlib
import http.client
import os
import resource
import ssl
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from tuf.api.exceptions import DownloadHTTPError
from tuf.ngclient.fetcher import FetcherInterface

from mbusmaster.helper.protocol import (
    Answer,
    Done,
    Progress,
    ProtocolError,
    Refused,
    answer_line,
    read_request,
)
from mbusmaster.system.update import MAX_SIZE
from mbusreleases.description import Kind, this_platform
from mbusreleases.errors import SERVER_LACKS, ReleaseError
from mbusreleases.sources import from_server
from mbusreleases.verify import Repository
from mbusweb.texts import mark

VERB: Final = "update.fetch"
BAD_CERTIFICATE: Final = mark("The certificate of the update server is not good: %(why)s.")
NO_SUCH_NAME: Final = mark(
    "No address is known for the update server %(host)s. Check the name and the DNS servers."
)
UNREACHABLE: Final = mark("The update server cannot be reached: %(why)s.")
SILENT: Final = mark("The update server does not answer within %(seconds)s seconds.")
REDIRECTS: Final = mark("The update server sends elsewhere, which is not followed. Check its address.")
STATUS: Final = mark("The update server answers with status %(status)s.")
NOT_HTTP: Final = mark("What answers at the address of the update server is none.")
NO_CA_FILE: Final = mark("The file with the authorities of the update server cannot be used: %(why)s.")
FAILED: Final = mark("The update server could not be asked: %(why)s. See the log.")
SILENT_SECONDS: Final = 30
_CHUNK: Final = 64 * 1024
_MISSING: Final = (403, 404)
"""Statuses that tell the TUF client where a history of keys ends."""
_MISSING_AT_HEAD_END: Final = (404,)
"""There the other one means that this master is not trusted."""
_OFFERS_NOTHING: Final = (SERVER_LACKS, {"file": "timestamp.json"})
"""What a head-end without a release for this master looks like."""


class HttpsFetcher(FetcherInterface):
    """Gets files of one server; follows no redirect.

    :param told: called with the bytes of each piece of a release.
    :param proxy: on the way there: host, port, and what HTTP Basic has.
    :param missing: statuses that say that there is no such file.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        timeout: float,
        told: Callable[[int], None],
        *,
        proxy: Sequence[Any] | None = None,
        missing: tuple[int, ...] = _MISSING,
    ) -> None:
        self._context = context
        self._timeout = timeout
        self._told = told
        self._proxy = proxy
        self._missing = missing

    def _fetch(self, url: str) -> Iterator[bytes]:
        # Nothing is asked before the first piece is wanted: what is raised here would lose its words.
        parts = urlsplit(url)
        connection = self._connection(parts.hostname or "", parts.port)
        try:
            with self._explained(parts.hostname or ""):
                connection.request(
                    "GET", parts.path, headers={"user-agent": "mbusmaster", "connection": "close"}
                )
                answer = connection.getresponse()
            self._check_status(answer.status, url)
            while True:
                with self._explained(parts.hostname or ""):
                    piece = answer.read1(_CHUNK)
                if not piece:
                    return
                if "/targets/" in parts.path:
                    self._told(len(piece))
                yield piece
        finally:
            connection.close()

    def _connection(self, host: str, port: int | None) -> http.client.HTTPSConnection:
        if not self._proxy:
            return http.client.HTTPSConnection(host, port, timeout=self._timeout, context=self._context)
        proxy, proxy_port, credentials = self._proxy
        connection = http.client.HTTPSConnection(
            proxy, proxy_port, timeout=self._timeout, context=self._context
        )
        headers = {"proxy-authorization": f"Basic {credentials}"} if credentials else {}
        connection.set_tunnel(host, port, headers)
        return connection

    def _check_status(self, status: int, url: str) -> None:
        if status in self._missing:
            raise DownloadHTTPError(f"there is no {url}", status)
        if status in range(300, 400):
            raise ReleaseError(REDIRECTS)
        if status != http.HTTPStatus.OK:
            raise ReleaseError(STATUS, {"status": status})

    @contextlib.contextmanager
    def _explained(self, host: str) -> Iterator[None]:
        try:
            yield
        except ssl.SSLCertVerificationError as error:
            raise ReleaseError(BAD_CERTIFICATE, {"why": error.verify_message}) from error
        except TimeoutError as error:
            raise ReleaseError(SILENT, {"seconds": round(self._timeout)}) from error
        except OSError as error:
            if type(error).__name__ == "gaierror":
                raise ReleaseError(NO_SUCH_NAME, {"host": host}) from error
            raise ReleaseError(UNREACHABLE, {"why": error.strerror or str(error)}) from error
        except (http.client.HTTPException, ValueError) as error:
            raise ReleaseError(NOT_HTTP) from error


def fetch(arguments: dict[str, Any], tell: Callable[[int, int], None]) -> Done:
    """Look for a newer release, and fetch it if that is wanted; raise `ReleaseError`.

    :param tell: called with release and percent.
    """
    folder = Path(arguments["folder"])
    got = 0
    told = -1

    def count(size: int) -> None:
        nonlocal got, told
        got += size
        percent = min(100, 100 * got // max(1, offer.length))
        if percent != told:
            told = percent
            tell(offer.number, percent)

    is_head_end = arguments["head_end"]
    fetcher = HttpsFetcher(
        _context(arguments["ca_file"], arguments["authority"], arguments["identity"]),
        arguments["timeout"],
        count,
        proxy=arguments["proxy"],
        missing=_MISSING_AT_HEAD_END if is_head_end else _MISSING,
    )
    source = from_server(arguments["url"], fetcher)
    repository = Repository(
        # Its metadata are those of release files, which the files of the past are to be compared with.
        replace(source, is_server=False) if is_head_end else source,
        Path(arguments["store"]),
        Path(arguments["root"]),
        datetime.now(UTC),
    )
    try:
        offer = repository.newest(this_platform(Kind.RAUC if arguments["images"] else Kind.SLOTS))
    except ReleaseError as error:
        if is_head_end and (error.template, error.values) == _OFFERS_NOTHING:
            return Done({"release": 0, "file": ""})
        raise
    if not arguments["fetch"] or offer.number <= arguments["installed"]:
        return Done({"release": offer.number, "file": ""})
    release = repository.fetch(offer, folder)
    path = repository.bundle(release, folder)
    release.path.unlink()
    return Done({"release": offer.number, "file": path.name})


def _context(ca_file: str, authority: str, identity: str) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_file or None, cadata=authority or None)
        if identity:
            context.load_cert_chain(identity)
    except (OSError, ssl.SSLError) as error:
        raise ReleaseError(NO_CA_FILE, {"why": getattr(error, "strerror", None) or str(error)}) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def main() -> int:
    """Answer one request."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * MAX_SIZE, 2 * MAX_SIZE))
    try:
        request = read_request(sys.stdin.buffer.readline())
    except ProtocolError as error:
        print(f"update_child: {error}", file=sys.stderr)
        return 2
    threading.Thread(target=_end_with_whoever_asked, daemon=True).start()
    try:
        answer: Answer = fetch(
            dict(request.arguments),
            lambda release, percent: _say(Progress({"release": release, "percent": percent})),
        )
    except ReleaseError as error:
        answer = Refused(error.template, error.values)
    except OSError as error:
        answer = Refused(FAILED, {"why": error.strerror or str(error)})
    _say(answer)
    return 0


def _say(answer: Answer) -> None:
    sys.stdout.buffer.write(answer_line(answer))
    sys.stdout.buffer.flush()


def _end_with_whoever_asked() -> None:
    while sys.stdin.buffer.read(1):
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
