"""The errors of the protocol library, one small tree.

::

    MBusError
    ├── FrameError              bytes do not form a link-layer frame
    │   ├── IncompleteFrameError    they may, once more bytes have come
    │   └── InvalidFrameError       they never will
    ├── DecodeError             the frame is sound, its application data is not understood
    │   ├── HeaderError             too short for the header that its CI field promises
    │   ├── RecordError             a data record breaks the rules; says at which byte
    │   └── DecryptionError         encrypted, and no key or a key that does not fit
    ├── EncodeError             a value cannot be expressed as asked
    ├── AddressError            not a primary or secondary address
    └── ProcedureError          a conversation with a meter did not reach its end
        ├── NoAnswerError           every try met silence
        ├── GarbledAnswerError      something answered, unreadable in every try
        ├── WrongMeterError         a readable answer, of another meter than was asked
        ├── RefusedError            the meter answered with an application error
        └── VerificationError       a write was acknowledged, yet a fresh read shows the old value

Silence is not an error of the link layer: a transaction *returns* it as an outcome (`mbus.link.transaction`), and only a
procedure that has used up its tries turns it into `NoAnswerError`.
"""


class MBusError(Exception):
    """Base of everything that `mbus` raises on purpose."""


class FrameError(MBusError):
    """Bytes do not form a link-layer frame (EN 13757-2)."""


class IncompleteFrameError(FrameError):
    """A frame has begun, but its end has not come yet."""


class InvalidFrameError(FrameError):
    """No continuation can make these bytes a frame."""


class DecodeError(MBusError):
    """A sound frame whose application data cannot be understood (EN 13757-3)."""


class HeaderError(DecodeError):
    """The data end before the header that the CI field announces."""


class RecordError(DecodeError):
    """A data record breaks the rules.

    :ivar offset: index of the byte in the application data at which decoding stopped.
    """

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


class DecryptionError(DecodeError):
    """The telegram is encrypted and cannot be opened with what was handed in."""


class EncodeError(MBusError):
    """A value does not fit the field it was meant for."""


class AddressError(MBusError):
    """Text or bytes that name no primary or secondary address."""


class ProcedureError(MBusError):
    """A conversation with a meter did not reach its end."""


class NoAnswerError(ProcedureError):
    """Every try met silence."""


class GarbledAnswerError(ProcedureError):
    """Something answered, but no try gave a readable frame."""


class WrongMeterError(ProcedureError):
    """A readable answer came from another meter than the one that was asked."""


class RefusedError(ProcedureError):
    """The meter answered with an application error (CI 70, 6E, 6F)."""


class VerificationError(ProcedureError):
    """A write was acknowledged, but a fresh read does not show it."""
