"""What can go wrong with hosted reading on the master's side.

::

    MasterError
    └── HostingError            hosted reading cannot go on
        ├── HostingFileError        its file cannot be read or written; tells whether the disk is full
        └── SaidError               something for people: a `text` says what it is and what to do
            ├── PlaceError              no address of a head-end, or of a proxy (`places`)
            ├── EnrolmentError          what enrolment needs is not there (`enrolment`)
            ├── CredentialsError        credentials cannot be used, read or written (`credentials`)
            ├── HeadEndError            the head-end did not do what was asked (`link_errors`)
            └── NotHereError            this gateway has no hosted reading
"""

from mbusmaster.errors import MasterError
from mbusweb.texts import Text


class HostingError(MasterError):
    """Hosted reading cannot go on."""


class HostingFileError(HostingError):
    """The file of hosted reading cannot be read or written; nothing was changed.

    :ivar full: for lack of room.
    """

    def __init__(self, message: str, *, full: bool = False) -> None:
        super().__init__(message)
        self.full = full


class SaidError(HostingError):
    """Something went wrong that a person can do something about.

    :ivar text: says what, and what to do.
    :ivar field: what was given and is wrong: ``url``, ``token`` or ``proxy``; empty where it is something else.
    """

    def __init__(self, text: Text, field: str = "") -> None:
        super().__init__(str(text))
        self.text = text
        self.field = field


class NotHereError(SaidError):
    """This gateway has no hosted reading."""
