"""What can go wrong between a master and its head-end, one small tree.

::

    SaidError
    └── HeadEndError                     the head-end gave no usable answer
        ├── HeadEndUnreachableError      nothing was heard of it: name, network, proxy, time-out
        ├── HeadEndDistrustedError       who answers there is not our head-end, or this clock is wrong
        ├── HeadEndRefusedError          it does not trust this master, or refuses the request for good
        └── HeadEndOverloadedError       it cannot do it now; try again later
"""

from mbusmaster.hosting.errors import SaidError
from mbusweb.texts import Text


class HeadEndError(SaidError):
    """The head-end gave no usable answer; says what happened and what to do.

    :ivar retry_after: seconds that the head-end asks to wait; None where it does not say.
    """

    def __init__(self, text: Text, retry_after: float | None = None, *, field: str = "") -> None:
        super().__init__(text, field)
        self.retry_after = retry_after


class HeadEndUnreachableError(HeadEndError):
    """Nothing was heard of the head-end."""


class HeadEndDistrustedError(HeadEndError):
    """Who answers is not the head-end that this master was enrolled at, as far as its certificate tells."""


class HeadEndRefusedError(HeadEndError):
    """The head-end does not want this master or this request.

    :ivar needs_token: only enrolling again, with a new token, helps.
    """

    def __init__(
        self,
        text: Text,
        retry_after: float | None = None,
        *,
        needs_token: bool = False,
        field: str = "",
    ) -> None:
        super().__init__(text, retry_after, field=field)
        self.needs_token = needs_token


class HeadEndOverloadedError(HeadEndError):
    """The head-end cannot do it now."""
