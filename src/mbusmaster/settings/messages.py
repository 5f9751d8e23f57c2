"""Everything that can be said about a setting, as a finite list of templates, so that pages can translate all of it."""

import reprlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

_MOST_SHOWN: Final = 80
_LONGEST_REASON: Final = 300


class Template(StrEnum):
    """English sentences, the setting's title left out; names in braces stand for values."""

    UNKNOWN = "no such setting"
    NO_ENTRY = "there is no entry {number}, only {count}"
    EMPTY = "must not be empty"
    RANGE = "must be {minimum} to {maximum}"
    CHOICE = "must be one of {choices}"
    WHOLE_NUMBER = "must be a whole number"
    NUMBER = "must be a number"
    SWITCH = "must be on or off"
    TEXT = "must be text"
    TOO_LONG = "must have at most {maximum} characters"
    LIST = "must be a list"
    ENTRIES = "must have {minimum} to {maximum} entries"
    GROUP = "must be a group of settings"
    CONTROL_CHARACTERS = "must not contain control characters"
    IPV4 = "{value} is no IPv4 address such as 192.168.1.10"
    IP = "{value} is no IP address such as 192.168.1.10 or fd00::10"
    OTHER = "cannot be used: {reason}"

    BUS_NAME = "must be small letters, digits, '-' and '_', at most 32, a letter or digit first"
    NETWORK_DEVICE = "{value} is no name of a network device such as eth0"
    HOST_NAME = "{value} is no host name or address"
    HTTPS = "must be an address such as https://updates.example"
    PROXY = "must be an address such as http://proxy.example:3128"
    SERIAL_DEVICE = "must be the path of a device, such as /dev/ttyGS0"
    SERIAL_NUMBER = "must be letters, digits, '.', '_' and '-', at most 64"
    LINE_MONITOR = "must be tcp://host:port or unix:///path"
    LINE_VALUE = (
        "must be file:/path, with ?scale=, ?offset= or ?shunt= where needed, or iio:/path/in_current0"
    )
    LINE_CONTACT = "must be gpio:/dev/gpiochip0:LINE, modem:cts (dsr, dcd, ri) or file:/path"
    LINE_SWITCH = "must be gpio:/dev/gpiochip0:LINE, modem:dtr or modem:rts"
    LINE_ORDER = "must be below the shut-down current, {shut_down_at} mA"
    LAMP = "must be the name of an LED: letters, digits and '_.:-'"
    BUTTON = "must be gpio:/dev/gpiochip0:LINE or evdev:/dev/input/eventN:KEY_NAME"

    BUS_URL = "names no bus: {reason}"
    BUS_URL_SETTING = "must not contain {name}=: that is a setting of its own"
    BAUD_ORDER = "the baud rates must rise: min. {min_baud}, default {default_baud}, max. {max_baud} do not"
    BUS_NAME_TAKEN = "there is another bus named {name}"
    NO_SUCH_BUS = "there is no bus {name}; there is {names}"
    NOT_SECURE = "cannot be switched on while only secure communication is allowed"
    PORT_TAKEN = "port {port} is used already by another channel or by the web pages"
    STATIC_NEEDED = "is needed where there is no DHCP"
    NETMASK = "{value} is no netmask such as 255.255.255.0"
    NOT_A_MACHINE = "{value} is no address of a machine"
    NETWORKS_OWN = "{value} is the network's own address, not one of a machine in it"
    SETUP_NETWORK = "{network} belongs to the setup interface; choose another network"
    NOT_IN_NETWORK = "{value} is not in the network {network}"
    OWN_GATEWAY = "is the master itself"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with one setting.

    :ivar path: dotted, list entries counted from 0, as `SettingsService.change` takes it.
    :ivar key: one of `Template`, to look up in a catalogue; `values` go into it.
    :ivar given: what was there, shortened; empty where the text says it or there was nothing.
    """

    path: str
    key: Template
    values: dict[str, Any]
    given: str = ""

    @property
    def text(self) -> str:
        """The message in English."""
        return self.key.format(**self.values)


def problem(path: str, key: Template, given: object = None, **values: Any) -> Problem:
    """Make a problem; what people typed is shortened so that it fits into a message."""
    values = {
        name: shown(value, _MOST_SHOWN if name == "value" else _LONGEST_REASON)
        if isinstance(value, str)
        else value
        for name, value in values.items()
    }
    return Problem(path, key, values, "" if given is None else shown(given))


def shown(value: object, most: int = _MOST_SHOWN) -> str:
    """Give a value as it stands in a message: no control characters, not longer than `most` characters and an ellipsis."""
    if isinstance(value, str):
        text = value
    elif isinstance(value, int) and value.bit_length() > _MOST_SHOWN:
        text = "a huge number"
    else:
        text = str(value) if isinstance(value, int | float) else reprlib.repr(value)
    text = "".join(one if one.isprintable() else "�" for one in text[: most + 1])
    return text if len(text) <= most else f"{text[:most]}…"
