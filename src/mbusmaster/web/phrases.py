"""Sentences that the bus, the meter list and the trust in clients make up in English, in the visitor's language.

What a scan saw, and what is wrong with a line of a file or with a certificate, is kept or told as an English sentence with values
in it. Here each such sentence has its shape; what fits no shape is shown as it is.
"""

import re
from functools import lru_cache
from typing import Final

from mbusweb.locale import gettext as _
from mbusweb.texts import mark

DEEPEST: Final = 3
"""Sentences within sentences."""
_GAP: Final = re.compile(r"%\((\w+)\)s")

REMARKS: Final = (
    mark("no answer"),
    mark("nothing"),
    mark("%(heard)s at %(baud)s baud, nor one that can be read at %(others)s"),
    mark("it answers at %(baud)s baud, and at %(asked)s baud: %(heard)s"),
    mark("it answers by its primary address only"),
    mark("it answers by its secondary address only"),
    mark("its primary address was %(old)s and is %(new)s"),
    mark("primary address %(address)s: %(heard)s; it answers by its secondary address"),
    mark("an answer came too late, in place of the next one"),
    mark("it acknowledges, but sends no data"),
    mark("it does not say who it is"),
    mark("meter %(meter)s answers in its place, from address %(address)s"),
    mark("meter %(meter)s answers at its address"),
    mark("it answered late, or only when it was asked again"),
    mark("noise in front of the answer"),
    mark("several answers at once: several meters seem to share the address"),
    mark("the answer is damaged: several meters may share the address"),
    mark("the answer cannot be read (%(why)s)"),
    mark("the answer came from address %(address)s"),
    mark("the answer came from address %(address)s meter %(meter)s"),
    mark("the answer is none to the request"),
    mark("several meters have this secondary address, at the primary addresses %(addresses)s"),
    mark("several meters have this address; no selection can tell them apart"),
    mark("answers beside meters that were found, and no selection of it alone is known"),
    mark("acknowledges its selection, but no reading of it can be heard"),
    mark("does not say who it is; %(mask)s selects it alone"),
    mark("it could not be understood at first"),
    mark("it refuses: %(why)s"),
)
SCANS: Final = (
    mark("address %(address)s"),
    mark("%(who)s at %(baud)s baud"),
    mark("answers came late: the bus was searched again, and waited for longer"),
    mark("the meter list is full (%(count)s meters): remove some that are gone"),
    mark("the level converter cannot be reached"),
    mark("the level converter cannot be reached: %(why)s"),
    mark("the level converter is gone: %(why)s"),
    mark("the bus is shut down: %(why)s"),
    mark("the bus is being switched on"),
    mark("an error in the program; the log says more"),
    mark("bus %(bus)s may be scanned at %(rates)s baud, not at %(baud)s: its settings allow %(least)s to %(most)s"),
    mark("a scan goes from and to a primary address, 0 to %(last)s"),
    mark("a scan is by primary or by secondary address"),
    mark("choose meters of bus %(bus)s that are in the list"),
    mark("there is no bus %(bus)s; there are %(buses)s"),
    mark("the list has no row %(number)s any more"),
)  # fmt: skip
HEALTH: Final = (
    mark("%(count)s meters that answered before are silent"),
    mark("the line is never quiet"),
    mark("the level converter has not been opened yet"),
    mark("the bus carries %(percent)s percent of its load"),
    mark("%(meter)s could not be switched back from %(rate)s to %(old)s baud"),
    mark("the meter %(address)s"),
    mark("the meter at address %(address)s"),
    mark("short circuit"),
    mark("overload"),
    mark("overtemperature"),
)
FILES: Final = (
    mark("it has more than %(count)s bytes: that is no meter list"),
    mark("it has zero bytes: that is no CSV file"),
    mark("it cannot be read: %(why)s"),
    mark("it has more than %(count)s lines; the rest was not read"),
    mark("it is empty: the first line names the columns"),
    mark("it has no meters"),
    mark("it has %(cells)s cells, and the header names %(columns)s columns"),
    mark("a cell has more than %(count)s characters"),
    mark("the column %(column)s is there twice"),
    mark("the first line must name the columns, at least one of %(needed)s among %(columns)s"),
    mark("columns that are not known were left aside: %(columns)s"),
    mark("the file is not UTF-8; it was read as Windows-1252: look at the notes"),
    mark("it is the meter of line %(line)s once more"),
    mark("it names no meter: %(columns)s are all empty"),
    mark("it says %(said)s, and the secondary address %(address)s says %(has)s"),
    mark("%(text)s was an address before a spreadsheet took it for a number; let it keep the column as text"),
    mark("it names no meter: everything in it is a wildcard"),
    mark("an identification has %(count)s digits, not %(text)s"),
    mark("a primary address is a number from 0 to %(last)s, not %(text)s"),
    mark("a version is a number from 0 to %(last)s, not %(text)s"),
    mark("the code of a medium is a number from 0 to %(last)s, not %(text)s"),
    mark("a baud rate is one of %(rates)s, not %(text)s"),
    mark("a fabrication number has at most %(count)s printable characters"),
    mark("a time looks like %(example)s, not %(text)s"),
    mark("%(text)s is not a time at which a meter was seen"),
    mark("a status is one of %(words)s, not %(text)s"),
    mark("%(text)s is no name of a bus: those have small letters, digits, '-' and '_'"),
    mark("a note has at most %(most)s characters, this one has %(count)s"),
    mark("a note has no control characters"),
    mark("a manufacturer has three letters A to Z, not %(text)s"),
    mark(
        "%(text)s is no secondary address: give the 8 digits on the meter (%(short)s), 16 hex digits (%(long)s) "
        "or ID.MAN.VER.MED"
    ),
    mark("the list has room for %(room)s more meters, and the file has %(count)s new ones"),
)  # fmt: skip

TRUST: Final = (
    mark("a name has 1 to 64 printable characters, no blank at its ends"),
    mark("the name is too long: a letter beyond a to z counts for two or more"),
    mark("a passphrase has at least %(count)s characters"),
    mark("a passphrase has at most %(count)s characters"),
    mark("a certificate is valid for 1 to %(days)s days"),
    mark("there is a client %(name)s already; revoke it first, or choose another name"),
    mark("there are %(count)s clients already; revoke one first"),
    mark("there is no client %(name)s"),
    mark("there is more than one client %(name)s; name it by its id"),
    mark("that is this master's own; it is trusted or revoked in the list of clients"),
    mark("%(name)s was added already"),
    mark("%(name)s was revoked; that is for good"),
    mark("%(count)s certificates were added already; remove one first"),
    mark("there is no such certificate"),
    mark("a certificate is smaller than %(size)s KiB"),
    mark("the file is empty"),
    mark("the certificate is damaged"),
    mark("the certificate in the file is damaged"),
    mark("its extensions are damaged"),
    mark("there is no certificate in the file"),
    mark("there are %(count)s certificates in the file; add only the one to be trusted"),
    mark("that is no certificate, neither PEM nor DER"),
    mark("that is a private key, not a certificate: keep it secret, and add the certificate alone"),
    mark("that is an encrypted private key, not a certificate: keep it secret, and add the certificate alone"),
    mark("that is a PKCS#12 bundle with a key, not a certificate: keep it secret, and add the certificate alone"),
    mark("that is a request for a certificate, not a certificate: let the authority sign it first"),
    mark("that is a certificate of an old version; it must be version 3"),
    mark("it says that it is an authority, but its key usage does not allow it to sign certificates"),
    mark("its key usage allows it to sign certificates, but the CA flag is missing"),
    mark("that is no authority: the CA flag is missing; add it as a single client's certificate"),
    mark("that is an authority: everybody whose certificate it signs would be let in"),
    mark("its extended key usage does not allow clients"),
    mark("it expired on %(end)s; this master's clock says %(now)s"),
    mark("it is valid from %(begin)s on; this master's clock says %(now)s"),
    mark("its kind of key is not supported; use EC P-256 or RSA"),
    mark("its RSA key has %(bits)s bits; %(least)s to %(most)s are accepted"),
    mark("it is signed with %(digest)s, which is broken"),
)  # fmt: skip


def _shape(sentence: str) -> re.Pattern[str]:
    parts = _GAP.split(sentence)
    text = "".join(f"(?P<{part}>.+?)" if index % 2 else re.escape(part) for index, part in enumerate(parts))
    return re.compile(text, re.DOTALL)


# The one that says most comes first: it leaves the least to its gaps.
_SHAPES: Final = tuple(
    (sentence, _shape(sentence))
    for sentence in sorted(
        (*REMARKS, *SCANS, *HEALTH, *FILES, *TRUST), key=lambda one: -len(_GAP.sub("", one))
    )
)


def phrase(text: str, depth: int = DEEPEST) -> str:
    """Give a sentence, or several with semicolons between them, in the visitor's language."""
    if not text or not depth:
        return text
    known = _known(text)
    if known is not None:
        sentence, values = known
        return _(sentence) % {name: phrase(value, depth - 1) for name, value in values}
    if "; " in text:
        return "; ".join(phrase(part, depth - 1) for part in text.split("; "))
    return text


def is_known(text: str) -> bool:
    """Tell whether a sentence, or each of several, has a shape."""
    return _known(text) is not None or ("; " in text and all(_known(part) for part in text.split("; ")))


@lru_cache(maxsize=512)
def _known(text: str) -> tuple[str, tuple[tuple[str, str], ...]] | None:
    for sentence, shape in _SHAPES:
        found = shape.fullmatch(text)
        if found is not None:
            return sentence, tuple(found.groupdict().items())
    return None
