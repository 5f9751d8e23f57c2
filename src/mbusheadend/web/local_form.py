"""The form of a local master: how it is reached, and with how much patience it is read."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Final
from urllib.parse import parse_qsl, urlencode

from mbus.link.timing import BAUD_RATES
from mbusheadend.local.errors import LocalError
from mbusheadend.local.places import endpoint_of
from mbusheadend.store.local import LocalPlace
from mbusio.listreading import (
    LONGEST_TIMEOUT,
    MAX_BAUD,
    MIN_BAUD,
    MOST_RETRIES,
    RETRIES,
    TIMEOUT,
    Patience,
)
from mbusio.transport.url import DEFAULT_PORTS
from mbusweb.locale import gettext as _

SERIAL: Final = "serial"
WAYS: Final = (SERIAL, "tcp", "tls", "rfc2217")
_LONGEST: Final = 255
_OWN: Final = ("baud", "fingerprint")
"""Settings of an address that have fields."""


@dataclass(slots=True)
class LocalForm:
    """What somebody has filled in, as it came; `problems` say what is wrong, by field, translated.

    :ivar serial: of the master, empty for a new one.
    :ivar way: how it is reached: one of `WAYS`.
    :ivar more: other settings of the address, as they stand behind its question mark.
    """

    serial: str = ""
    name: str = ""
    way: str = "tcp"
    device: str = ""
    host: str = ""
    port: str = ""
    baud: str = "2400"
    fingerprint: str = ""
    more: str = ""
    min_baud: str = str(MIN_BAUD)
    max_baud: str = str(MAX_BAUD)
    timeout: str = f"{TIMEOUT:g}"
    retries: str = str(RETRIES)
    problems: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, serial: str, name: str, place: LocalPlace) -> "LocalForm":
        """Fill a form in with what is stored. Raise `LocalError`."""
        endpoint, patience = endpoint_of(place.url), place.patience
        query = parse_qsl(place.url.partition("?")[2], keep_blank_values=True)
        is_serial = endpoint.kind == SERIAL
        return cls(
            serial=serial,
            name=name,
            way=endpoint.kind,
            device=endpoint.target if is_serial else "",
            host="" if is_serial else endpoint.target,
            port="" if is_serial else str(endpoint.port),
            baud=str(endpoint.baud),
            fingerprint=endpoint.fingerprint or "",
            more=urlencode([one for one in query if one[0] not in _OWN]),
            min_baud=str(patience.min_baud),
            max_baud=str(patience.max_baud),
            timeout=f"{patience.timeout:g}",
            retries=str(patience.retries),
        )

    @classmethod
    def read(cls, values: Mapping[str, str]) -> "LocalForm":
        """Take what a browser sent."""
        form = cls()
        for one in fields(cls):
            if one.name != "problems" and one.name in values:
                setattr(form, one.name, values[one.name].strip()[:_LONGEST])
        form.way = form.way if form.way in WAYS else "tcp"
        return form

    @property
    def url(self) -> str:
        """The address that the fields make."""
        query = [("baud", self.baud)] if self.baud and self.baud != "2400" else []
        if self.way == "tls" and self.fingerprint:
            query.append(("fingerprint", self.fingerprint))
        settings = "&".join(part for part in (urlencode(query), self.more.lstrip("?&")) if part)
        if self.way == SERIAL:
            front = self.device
        else:
            host = f"[{self.host}]" if ":" in self.host and not self.host.startswith("[") else self.host
            front = f"{self.way}://{host}:{self.port or DEFAULT_PORTS[self.way]}"
        return f"{front}?{settings}" if settings else front

    def patience(self) -> Patience | None:
        """Give how patiently it is read; None, and `problems`, where the fields make none."""
        values: dict[str, float] = {}
        for name in ("min_baud", "max_baud", "retries"):
            text = getattr(self, name)
            known = text.isascii() and text.isdecimal() and len(text) <= 6
            values[name] = int(text) if known else -1
        try:
            values["timeout"] = float(self.timeout.replace(",", "."))
        except ValueError:
            values["timeout"] = 0.0
        for name in ("min_baud", "max_baud"):
            if values[name] not in BAUD_RATES:
                self.problems[name] = _("Choose one of these.")
        if not 0 < values["timeout"] <= LONGEST_TIMEOUT:
            self.problems["timeout"] = _("Give more than 0 and at most 60 seconds.")
        if not 0 <= values["retries"] <= MOST_RETRIES:
            self.problems["retries"] = _("Give 0 to 10.")
        if values["min_baud"] > values["max_baud"]:
            self.problems["max_baud"] = _("The highest rate is below the lowest one.")
        if self.problems:
            return None
        return Patience(
            int(values["min_baud"]), int(values["max_baud"]), values["timeout"], int(values["retries"])
        )

    def check(self) -> bool:
        """Tell whether the fields of the way are there and make an address; else say what is wrong."""
        if self.way == SERIAL and not self.device:
            self.problems["device"] = _("Name the serial port, such as /dev/ttyUSB0.")
        if self.way != SERIAL and not self.host:
            self.problems["host"] = _("Name the master, or give its IP address.")
        if self.way != SERIAL and self.host and not _is_host(self.host):
            self.problems["host"] = _("This is no name and no IP address.")
        if self.port and not (self.port.isascii() and self.port.isdecimal() and 0 < int(self.port) < 65536):
            self.problems["port"] = _("Give a port from 1 to 65535.")
        if not self.problems:
            try:
                endpoint_of(self.url)
            except LocalError as error:
                self.problems[""] = problem_text(error)
        return not self.problems


def problem_text(error: LocalError) -> str:
    """Say why something cannot be taken, in the visitor's language."""
    template = _(error.text.template)
    said = template % error.text.values if error.text.values else template
    return f"{said.rstrip('.')}."


def _is_host(text: str) -> bool:
    return text.isascii() and all(letter.isalnum() or letter in "-._:[]%" for letter in text)
