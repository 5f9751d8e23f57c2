"""A whole telegram, from frame to records (EN 13757-3; MBUS.md chapter 4)."""

from dataclasses import dataclass, field

from mbus.addressing import SecondaryAddress
from mbus.application.ci import CI_FIELDS, CiRow, Content, HeaderKind
from mbus.application.fixed import fixed_header, fixed_records
from mbus.application.header import LONG_SIZE, SHORT_SIZE, Header, is_fixed_structure, least_significant_first
from mbus.application.plan import Layout, layout_of
from mbus.application.plans import PLANS
from mbus.application.records import Body, Record, decode_records
from mbus.application.refusal import refusal_of
from mbus.application.security import Payload, open_payload, unwrap
from mbus.errors import DecodeError, HeaderError
from mbus.link.fields import is_from_master
from mbus.link.frames import LongFrame, parse_frame


@dataclass(frozen=True, slots=True)
class Telegram:
    """What a long frame says.

    :ivar frame: as it came; from it the telegram can be decoded again. Not in the `repr`, as data may be secret.
    :ivar header: None where the CI field has none, or where the data end before it does.
    :ivar records: all that was understood.
    :ivar manufacturer_data: what follows DIF 0F or 1F, in the order of the wire.
    :ivar more_follows: another telegram belongs to this reading.
    :ivar error: where and why decoding stopped, or what the meter refuses; None when all is well.
    """

    frame: LongFrame = field(repr=False)
    header: Header | None = None
    records: tuple[Record, ...] = ()
    manufacturer_data: bytes = field(default=b"", repr=False)
    more_follows: bool = False
    error: str | None = None

    @property
    def control(self) -> int:
        """Control field of the frame."""
        return self.frame.control

    @property
    def address(self) -> int:
        """Address field of the frame."""
        return self.frame.address

    @property
    def ci(self) -> int:
        """CI field of the frame."""
        return self.frame.ci

    @property
    def secondary(self) -> SecondaryAddress | None:
        """The meter's secondary address where the header has one."""
        return None if self.header is None else self.header.secondary


def decode_telegram(frame: LongFrame | bytes, *, key: bytes | None = None) -> Telegram:
    """Decode a frame, or the bytes of one.

    Raise `FrameError` when bytes are no frame and `DecodeError` when they are a frame without application data. A long frame
    always gives a telegram: what cannot be understood is said in its `error`. `key` (16 bytes) opens encrypted telegrams; for
    that the package `cryptography` has to be installed.
    """
    if not isinstance(frame, LongFrame):
        parsed = parse_frame(bytes(frame))
        if not isinstance(parsed, LongFrame):
            raise DecodeError("a frame of this kind carries no application data")
        frame = parsed
    plan = PLANS.plan_for(frame)
    if plan is not None:
        read = plan.read(frame.data, has_key=key is not None)
        if read is None:
            return decode_plainly(frame, key=key)
        header, records = read
        layout = plan.layout
        return Telegram(frame, header, records, frame.data[layout.tail :], layout.more_follows)
    telegram = decode_plainly(frame, key=key)
    if key is None and telegram.error is None and telegram.records and PLANS.is_due(frame):
        learned = layout_of(frame, _body_of(telegram))
        if learned is not None:
            PLANS.add(frame, learned)
    return telegram


def learn_layout(frame: LongFrame) -> Layout | None:
    """Give the layout of a telegram; None where it has none that a plan could be made of (`mbus.application.plan`)."""
    return layout_of(frame, _body_of(decode_plainly(frame)))


def _body_of(telegram: Telegram) -> Body:
    return Body(telegram.records, telegram.manufacturer_data, telegram.more_follows, telegram.error)


def decode_plainly(frame: LongFrame, *, key: bytes | None = None) -> Telegram:
    """Decode a frame without any plan: what `decode_telegram` gives as well, and it learns from."""
    if is_fixed_structure(frame):
        return Telegram(frame, fixed_header(frame), fixed_records(frame))
    header = None
    try:
        row, data, counter = unwrap(CI_FIELDS[frame.ci], frame.data)
        header, data = _split_header(row, data)
        body = _body(frame, row, Payload(data, header, counter, key))
    except DecodeError as error:
        body = Body(error=str(error))
    return Telegram(frame, header, body.records, body.manufacturer_data, body.more_follows, body.error)


def _split_header(row: CiRow, data: bytes) -> tuple[Header | None, bytes]:
    if row.header is HeaderKind.NONE:
        return None, data
    if row.header is HeaderKind.SHORT:
        return Header.from_short(data), data[SHORT_SIZE:]
    if len(data) < LONG_SIZE:
        raise HeaderError(f"a long header has {LONG_SIZE} bytes, here are {len(data)}")
    return Header.from_long(least_significant_first(data) if row.msb_first else data), data[LONG_SIZE:]


def _body(frame: LongFrame, row: CiRow, payload: Payload) -> Body:
    if row.content is Content.RECORDS:
        command = is_from_master(frame.control)

        def decode(data: bytes) -> Body:
            return decode_records(data, command=command, msb_first=row.msb_first)

        return open_payload(payload, decode)
    if row.content is Content.PARAMETERS:
        return Body()
    if row.content is Content.REFUSAL:
        return Body(error=f"the meter refuses: {refusal_of(frame)}")
    if row.content is Content.ALARM:
        return Body(records=_alarm(payload.data))
    return Body(error=f"CI {frame.ci:02X} ({row.meaning}) is not decoded, the data are kept raw")


def _alarm(data: bytes) -> tuple[Record, ...]:
    """Wrap the one alarm byte, whose bits only its maker knows, into a record without blocks."""
    if not data:
        return ()
    return (Record(0, "instantaneous", 0, 0, 0, "alarm", "", data[0], None, (), b"", b"", data),)
