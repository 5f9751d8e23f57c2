"""The errors of the head-end, beside those of its store.

::

    HeadEndError            the head-end cannot run, or a command of it cannot be done: which, why, what to do
    RefusedError            a request that gets an answer other than 200
"""

from collections.abc import Mapping

from mbushosting.contact import RefusalCode


class HeadEndError(Exception):
    """The head-end cannot run, or a command of it cannot be done."""


class RefusedError(Exception):
    """A request is refused.

    :ivar status: of HTTP.
    :param retry_after: seconds after which it may come again; None where that would not help.
    :ivar headers: of the answer.
    """

    def __init__(
        self,
        status: int,
        code: RefusalCode,
        reason: str,
        *,
        retry_after: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.code = code
        self.reason = reason
        self.headers = dict(headers or {})
        if retry_after is not None:
            self.headers["Retry-After"] = str(retry_after)
