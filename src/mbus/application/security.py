"""Encrypted telegrams: when one is, and how it is opened (EN 13757-7; MBUS.md 4.5).

Old meters leave any "signature" in the configuration word of plain data, and a gateway may have opened a telegram and left the
word as it was. So a telegram counts as encrypted only when the word names mode 5 or 7, announces blocks that are there, and the
data are not surely plain; or when a key is at hand that fits.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

from mbus.application.ci import CI_FIELDS, CiRow, Content
from mbus.application.header import Header
from mbus.application.records import Body
from mbus.application.vib import UNKNOWN
from mbus.errors import DecryptionError, EncodeError, HeaderError

AES_CBC_STATIC: Final = 5
AES_CBC_DERIVED: Final = 7
BLOCK: Final = 16
KEY_SIZE: Final = 16
MARK: Final = b"\x2f\x2f"
"""Decrypted data begin with two fillers."""

_FRAGMENTS: Final = 1 << 14
_HAS_CONTROL: Final = 1 << 13
_HAS_COUNTER: Final = 1 << 11
_HAS_KEY: Final = 1 << 9


@dataclass(frozen=True, slots=True)
class Payload:
    """What follows the header, and what is needed to open it.

    :ivar data: as sent.
    :ivar header: its configuration word says whether and how it is encrypted.
    :ivar counter: message counter of the authentication layer, 4 bytes.
    :ivar key: of the customer, 16 bytes.
    """

    data: bytes = field(repr=False)
    header: Header | None
    counter: bytes | None = None
    key: bytes | None = field(default=None, repr=False)


def mode_of(configuration: int) -> int:
    """Return the encryption mode that a configuration word names."""
    return configuration >> 8 & 0x1F


def encrypted_size(configuration: int) -> int:
    """Return how many bytes the word says are encrypted."""
    return (configuration >> 4 & 0x0F) * BLOCK


def open_payload(payload: Payload, decode: Callable[[bytes], Body]) -> Body:
    """Decode data that may be encrypted; raise `DecryptionError` when they are and cannot be opened."""
    header = payload.header
    plain = decode(payload.data)
    if header is None or not announces_blocks(header.configuration, len(payload.data)):
        return plain
    try:
        if payload.key is None:
            raise DecryptionError(f"encrypted by mode {mode_of(header.configuration)}, and no key was given")
        return decode(decrypt(payload))
    except DecryptionError:
        if not is_surely_plain(payload.data, header.configuration, plain):
            raise
        return plain


def announces_blocks(configuration: int, size: int) -> bool:
    """Tell whether a word announces encrypted blocks that `size` bytes behind the header can hold."""
    return (
        mode_of(configuration) in (AES_CBC_STATIC, AES_CBC_DERIVED)
        and 0 < encrypted_size(configuration) <= size
    )


def is_surely_plain(data: bytes, configuration: int, body: Body) -> bool:
    """Tell whether data are plain although the word announces blocks that are there.

    A word whose blocks fill the data is no signature: there only the mark of opened data counts. Otherwise all records have to be
    of known quantities, fill the blocks, and be more than there are blocks: so one cipher text in a hundred of one block is
    mistaken, and hardly any of more.
    """
    if data.startswith(MARK):
        return True
    size = encrypted_size(configuration)
    if size == len(data) - _extension_size(configuration):
        return False
    if body.error is not None or any(
        record.quantity == UNKNOWN.quantity or record.status is not None for record in body.records
    ):
        return False
    ends = list(accumulate(len(record.dib + record.vib + record.raw) for record in body.records))
    return bool(ends) and ends[-1] >= size and sum(end < size for end in ends) > size // BLOCK


def _extension_size(configuration: int) -> int:
    """Return how many bytes mode 7 puts in front of the blocks: one, the extension of the configuration."""
    return 1 if mode_of(configuration) == AES_CBC_DERIVED else 0


def decrypt(payload: Payload) -> bytes:
    """Return the plain data; raise `DecryptionError` where key, counter or address are missing or do not fit."""
    header, key = payload.header, payload.key
    if header is None or key is None or len(key) != KEY_SIZE:
        raise DecryptionError(f"a key has {KEY_SIZE} bytes")
    data = payload.data
    if mode_of(header.configuration) == AES_CBC_STATIC:
        vector = initial_vector(header)
    else:
        data, vector = data[_extension_size(header.configuration) :], bytes(BLOCK)
        key = derived_key(key, header, payload.counter)
    size = encrypted_size(header.configuration)
    if len(data) < size:
        raise DecryptionError(f"{size} encrypted bytes announced, {len(data)} are there")
    plain = _aes_cbc(key, vector, data[:size], encrypting=False)
    if not plain.startswith(MARK):
        raise DecryptionError("the key does not fit")
    return plain + data[size:]


def encrypt_mode_5(header: Header, records: bytes, key: bytes) -> tuple[int, bytes]:
    """Return the configuration word and the data of a mode 5 telegram with these records; fillers make whole blocks.

    Raise `EncodeError` when they are too many for the 15 blocks that the word can announce, and where key or secondary address
    are missing.
    """
    if len(key) != KEY_SIZE or header.secondary is None:
        raise EncodeError(f"mode 5 needs a secondary address and a key of {KEY_SIZE} bytes")
    plain = MARK + records
    plain += b"\x2f" * (-len(plain) % BLOCK)
    if len(plain) > 15 * BLOCK:
        raise EncodeError(f"mode 5 carries at most {15 * BLOCK} bytes, these are {len(plain)}")
    word = AES_CBC_STATIC << 8 | len(plain) // BLOCK << 4
    return word, _aes_cbc(key, initial_vector(header), plain, encrypting=True)


def initial_vector(header: Header) -> bytes:
    """Return what mode 5 begins with: manufacturer, identification, version, medium, eight times the access number."""
    if header.secondary is None:
        raise DecryptionError("mode 5 needs the secondary address of a long header")
    address = header.secondary.to_bytes()
    return address[4:6] + address[:4] + address[6:] + bytes((header.access_number,)) * 8


def derived_key(key: bytes, header: Header, counter: bytes | None) -> bytes:
    """Return the key of one message of mode 7: a CMAC over purpose, message counter and identification."""
    if counter is None or header.secondary is None:
        raise DecryptionError(
            "mode 7 needs the message counter and the secondary address, not both are there"
        )
    return _cmac(key, b"\x00" + counter + header.secondary.to_bytes()[:4] + b"\x07" * 7)


def unwrap(row: CiRow, data: bytes) -> tuple[CiRow, bytes, bytes | None]:
    """Take off the authentication layer (CI 90) if there is one.

    Return the row of the CI field behind it, what follows that, and the message counter. Raise `HeaderError` when the layer is
    cut off or only a fragment, and for a second layer in the first.
    """
    if row.content is not Content.AUTHENTICATION:
        return row, data, None
    length = data[0] if data else 0
    layer, rest = data[1 : 1 + length], data[1 + length :]
    if length < 2 or len(layer) < length or not rest:
        raise HeaderError("the data end inside the authentication layer")
    control = int.from_bytes(layer[:2], "little")
    if control & _FRAGMENTS:
        raise HeaderError("a fragment of a message, whose parts are not put together here")
    inner = CI_FIELDS[rest[0]]
    if inner.content is Content.AUTHENTICATION:
        raise HeaderError("an authentication layer inside another")
    return inner, rest[1:], _message_counter(control, layer)


def _message_counter(control: int, layer: bytes) -> bytes | None:
    start = 2 + (1 if control & _HAS_CONTROL else 0) + (2 if control & _HAS_KEY else 0)
    counter = layer[start : start + 4]
    return counter if control & _HAS_COUNTER and len(counter) == 4 else None


def _aes_cbc(key: bytes, vector: bytes, data: bytes, *, encrypting: bool) -> bytes:
    try:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    except ImportError as error:
        raise DecryptionError("encrypted telegrams need the package 'cryptography'") from error
    cipher = Cipher(algorithms.AES(key), modes.CBC(vector))
    context = cipher.encryptor() if encrypting else cipher.decryptor()
    return context.update(data) + context.finalize()


def _cmac(key: bytes, message: bytes) -> bytes:
    try:
        from cryptography.hazmat.primitives.ciphers import algorithms
        from cryptography.hazmat.primitives.cmac import CMAC
    except ImportError as error:
        raise DecryptionError("encrypted telegrams need the package 'cryptography'") from error
    code = CMAC(algorithms.AES(key))
    code.update(message)
    return code.finalize()
