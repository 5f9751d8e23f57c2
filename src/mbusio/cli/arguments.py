"""What the command `mbus` understands. Types import what they need when they are used: the parser itself stays light."""

import argparse
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from mbus.addressing import SecondaryAddress
    from mbusio.transport.url import Endpoint

T = TypeVar("T")

URL_HELP: Final = (
    "bus: /dev/ttyUSB0, COM3, serial:///dev/ttyUSB0?baud=2400&parity=E, tcp://host:2445, "
    "tls://host:1445?ca=FILE&cert=FILE&key=FILE, rfc2217://host:port, "
    "hosted://headend/SERIAL?token-file=FILE; "
    "allowance=SECONDS fixes how long the path may add to an answer"
)
FAR_HELP: Final = "bus: hosted://headend/SERIAL?token-file=FILE, or tls://host:1445?bundle=FILE"
ADDRESS_HELP: Final = (
    "0 to 250, 254 (the only meter on the line), the 8 digits on the meter, "
    "or a whole secondary address: 16 hex digits (852467982D2C3504; F is a wildcard) or ID.MAN.VER.MED"
)
LONGEST_SEARCH: Final = 600.0
"""Seconds that `mbus discover` may take."""
LIST_OPTIONS: Final = ("output", "bus", "min_baud", "max_baud", "timeout", "retries")

_NUMBER = re.compile(r"[0-9]{1,3}")
_NO_METER: Final = {
    "253": "it is whichever meter was selected; give the meter's secondary address",
    "255": "every meter obeys it and none answers, so that nothing can be read or proven",
}


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read a command line; wrong usage ends the program with code 2 and a line that says what is right."""
    parser = argparse.ArgumentParser(
        prog="mbus",
        description="Talk to meters on an M-Bus, or decode what they said.",
        epilog="mbus COMMAND --help shows what a command takes, with examples.",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for add in (
        _decode,
        _scan,
        _read,
        _set_address,
        _set_baud,
        _set_clock,
        _reset,
        _monitor,
        _discover,
        _tunnel,
    ):
        add(commands)
    options = parser.parse_args(arguments)
    if options.command == "read":
        _check_list_options(parser, options)
    return options


_Commands = argparse._SubParsersAction  # argparse gives its type no public name


def _command(
    commands: "_Commands[argparse.ArgumentParser]", name: str, module: str, does: str, examples: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=does,
        description=does[0].upper() + does[1:] + ".",
        epilog="examples:\n" + "\n".join(f"  mbus {name} {line}" for line in examples.splitlines()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(module=module, command=name)
    return parser


def _decode(commands: "_Commands[argparse.ArgumentParser]") -> None:
    parser = _command(
        commands,
        "decode",
        "decode",
        "decode telegrams",
        "'68 03 03 68 08 01 78 81 16'\n"
        "--json reading.hex other.hex\n"
        "--json - < log.hex\n"
        "--key @meter.key encrypted.hex",
    )
    parser.add_argument(
        "inputs",
        nargs="+",
        metavar="HEX|FILE|-",
        help="telegram as hex text, a file that holds some (hex text with # comments, or raw bytes), or - for standard input",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object per telegram and line")
    _add_key(parser)


def _scan(commands: "_Commands[argparse.ArgumentParser]") -> None:
    parser = _command(
        commands,
        "scan",
        "scan",
        "find the meters on a bus",
        "/dev/ttyUSB0\n"
        "tcp://gateway:2445 --json\n"
        "/dev/ttyUSB0 --primary 1-20 --baud 9600\n"
        "/dev/ttyUSB0 --secondary FFFFFFFF2D2CFFFF --thorough --csv > meters.csv",
    )
    _add_bus(parser)
    parser.add_argument(
        "--primary",
        nargs="?",
        const=(0, 250),
        type=_checked(_address_range),
        metavar="FIRST-LAST",
        help="search primary addresses, all of 0-250 or a range; stands behind the URL",
    )
    parser.add_argument(
        "--secondary",
        nargs="?",
        const="F" * 16,
        metavar="MASK",
        type=_checked(_mask),
        help="search secondary addresses (the default), all or those that fit a mask of 16 hex digits with F as wildcard; "
        "stands behind the URL",
    )
    parser.add_argument("--thorough", action="store_true", help="repeat until nothing new turns up")
    _add_form(parser, "one JSON object with the meters and what the search cost", "one line per meter")
    _add_trace(parser)


def _read(commands: "_Commands[argparse.ArgumentParser]") -> None:
    parser = _command(
        commands,
        "read",
        "read",
        "read meters",
        "/dev/ttyUSB0 1\n"
        "tcp://gateway:2445 5 852467982D2C3504 --json\n"
        "/dev/ttyUSB0 12345678 --csv > reading.csv\n"
        "'tls://gateway:1445?bundle=me.pem' meters.csv --csv --output readings.csv",
    )
    _add_bus(parser)
    parser.add_argument(
        "addresses",
        nargs="+",
        type=_checked(_address_or_list),
        metavar="ADDRESS|LIST.csv",
        help=f"{ADDRESS_HELP}; or a list of meters, as a master or mbus scan --csv writes it, that is read with patience",
    )
    _add_form(parser, "one JSON object per meter and line", "one line per data record")
    _add_patience(parser)
    _add_key(parser)
    _add_trace(parser)


def _set_address(commands: "_Commands[argparse.ArgumentParser]") -> None:
    parser = _command(
        commands,
        "set-address",
        "write",
        "give a meter another primary address",
        "/dev/ttyUSB0 852467982D2C3504 12\n/dev/ttyUSB0 0 12 --dry-run",
    )
    _add_target(parser)
    parser.add_argument(
        "new", type=_checked(_primary), metavar="NEW", help="the new primary address, 0 to 250"
    )


def _set_baud(commands: "_Commands[argparse.ArgumentParser]") -> None:
    parser = _command(
        commands,
        "set-baud",
        "write",
        "make a meter use another baud rate",
        "/dev/ttyUSB0 852467982D2C3504 9600\n/dev/ttyUSB0 5 300 --baud 2400",
    )
    _add_target(parser)
    parser.add_argument("new", type=_checked(_baud), metavar="BAUD", help="the rate it shall use")


def _set_clock(commands: "_Commands[argparse.ArgumentParser]") -> None:
    parser = _command(
        commands,
        "set-clock",
        "write",
        "set a meter's clock",
        "/dev/ttyUSB0 5\n/dev/ttyUSB0 852467982D2C3504 --time 2026-01-31T12:00",
    )
    _add_target(parser)
    parser.add_argument(
        "--time",
        type=_checked(_moment),
        metavar="YYYY-MM-DDThh:mm[:ss]",
        help="default: this computer's local time; mind that many meters keep standard time all year",
    )


def _reset(commands: "_Commands[argparse.ArgumentParser]") -> None:
    parser = _command(
        commands,
        "reset",
        "write",
        "send an application reset",
        "/dev/ttyUSB0 5\n/dev/ttyUSB0 852467982D2C3504 --subcode 10",
    )
    _add_target(parser)
    parser.add_argument(
        "--subcode",
        type=_checked(_byte),
        metavar="HEX",
        help="which data the meter shall send from now on, one byte in hex; its manual says what it knows",
    )


def _monitor(commands: "_Commands[argparse.ArgumentParser]") -> None:
    parser = _command(
        commands,
        "monitor",
        "monitor",
        "show the traffic that a listening port hears, decoded",
        "/dev/ttyUSB1\n'/dev/ttyUSB1?baud=9600' --json",
    )
    _add_bus(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object per frame and line")
    _add_key(parser)


def _discover(commands: "_Commands[argparse.ArgumentParser]") -> None:
    parser = _command(
        commands,
        "discover",
        "discover",
        "list the masters on the local network, with the URLs that read them",
        "--seconds 5\n--json",
    )
    parser.add_argument(
        "--seconds",
        type=_checked(_seconds),
        default=3.0,
        metavar="N",
        help="how long to wait for answers (default: 3)",
    )
    parser.add_argument(
        "--interface",
        action="append",
        metavar="ADDRESS",
        help="ask only where this computer has this address; may be given several times (default: everywhere)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object with all masters")


def _tunnel(commands: "_Commands[argparse.ArgumentParser]") -> None:
    parser = _command(
        commands,
        "tunnel",
        "tunnel",
        "open a TCP port on this computer that leads other software to a bus",
        "'hosted://headend.example.org/MBM1?token-file=token' --listen 127.0.0.1:10001\n"
        "'tls://gateway:1445?bundle=me.pem' --listen 127.0.0.1:10001",
    )
    parser.add_argument("url", type=_checked(_far_url), metavar="URL", help=FAR_HELP)
    parser.add_argument(
        "--listen",
        type=_checked(_loopback),
        default=("127.0.0.1", 10001),
        metavar="HOST:PORT",
        help="where; on this computer only, as nobody is asked for a password there; port 0 takes any free one "
        "(default: 127.0.0.1:10001)",
    )
    parser.add_argument("--json", action="store_true", help="print one line of JSON when it is ready")
    parser.set_defaults(baud=None)


def _add_bus(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", type=_checked(_url), metavar="URL", help=URL_HELP)
    parser.add_argument(
        "--baud", type=_checked(_baud), metavar="N", help="rate on the bus (default: of the URL, else 2400)"
    )


def _add_target(parser: argparse.ArgumentParser) -> None:
    _add_bus(parser)
    parser.add_argument("address", type=_checked(_address), metavar="ADDRESS", help=ADDRESS_HELP)
    parser.add_argument(
        "--dry-run", action="store_true", help="print the frames that would be sent, send none"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask before writing")
    _add_trace(parser)


def _add_form(parser: argparse.ArgumentParser, json: str, csv: str) -> None:
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help=json)
    form.add_argument("--csv", action="store_true", help=f"CSV with a header, {csv}")


def _add_patience(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("for a list of meters")
    group.add_argument(
        "--output", type=Path, metavar="FILE", help="write CSV or JSON lines there, meter by meter"
    )
    group.add_argument(
        "--bus", metavar="NAME", help="read those on this bus only, where the list has several"
    )
    group.add_argument(
        "--min-baud",
        type=_checked(_baud),
        metavar="N",
        help="lowest rate to ask silent meters at (default: 300)",
    )
    group.add_argument("--max-baud", type=_checked(_baud), metavar="N", help="highest rate (default: 19200)")
    group.add_argument(
        "--timeout",
        type=_checked(_timeout),
        metavar="SECONDS",
        help="how long an answer may take (default: 2; never less than the standard allows a meter)",
    )
    group.add_argument(
        "--retries",
        type=_checked(_retries),
        metavar="N",
        help="how often to ask again at the default rate (default: 3)",
    )


def _check_list_options(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """End the program where an option for lists stands without a list, or the other way round."""
    if not any(isinstance(target, Path) for target in options.addresses):
        given = [name for name in LIST_OPTIONS if getattr(options, name) is not None]
        if given:
            parser.error(f"--{given[0].replace('_', '-')} is for a list of meters; give its file")
    elif options.output is not None and not (options.csv or options.json):
        parser.error("--output wants --csv or --json: say which of them the file shall be")


def _add_key(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--key",
        type=_checked(_key),
        metavar="HEX|@FILE",
        help="key of encrypted telegrams, 32 hex digits; better in a file, as others can see command lines",
    )


def _add_trace(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--trace", action="store_true", help="show every byte on standard error")


def _checked(read: Callable[[str], T]) -> Callable[[str], T]:
    """Let argparse show what our own errors say."""

    def check(text: str) -> T:
        from mbus.errors import MBusError

        try:
            return read(text)
        except (ValueError, OSError, MBusError) as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return check


def _url(text: str) -> "Endpoint":
    from mbusio.transport.url import parse_url

    return parse_url(text)


def _far_url(text: str) -> "Endpoint":
    endpoint = _url(text)
    if endpoint.kind not in ("hosted", "tls"):
        raise ValueError(f"{endpoint.kind} needs no tunnel; it is for hosted:// and tls://")
    return endpoint


def _loopback(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if host.strip("[]") not in ("127.0.0.1", "::1", "localhost") or not port.isdecimal():
        raise ValueError(f"{text!r} is not HOST:PORT with 127.0.0.1, [::1] or localhost for the host")
    if int(port[:6]) > 65535:
        raise ValueError(f"{text!r}: ports are 0 to 65535")
    return host.strip("[]"), int(port)


def _address(text: str) -> "int | SecondaryAddress":
    from mbus.addressing import TEST, parse_address

    if text.strip() in _NO_METER:
        raise ValueError(f"{text.strip()} names no meter: {_NO_METER[text.strip()]}")
    return TEST if text.strip() == str(TEST) else parse_address(text)


def _address_or_list(text: str) -> "int | SecondaryAddress | Path":
    from mbus.errors import AddressError

    try:
        return _address(text)
    except AddressError as error:
        path = Path(text)
        if path.is_file() or text.lower().endswith(".csv"):
            return path
        raise ValueError(f"{error}; and there is no file of that name that lists meters") from error


def _mask(text: str) -> "SecondaryAddress":
    from mbus.addressing import SecondaryAddress
    from mbus.errors import AddressError

    try:
        return SecondaryAddress.from_text(text)
    except AddressError as error:
        raise ValueError(f"{error}; the URL goes in front of --secondary") from error


def _primary(text: str) -> int:
    from mbus.addressing import is_primary

    if not _NUMBER.fullmatch(text) or not is_primary(int(text)):
        raise ValueError(f"{text!r} is no primary address: those are 0 to 250")
    return int(text)


def _address_range(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    if not _NUMBER.fullmatch(first) or not _NUMBER.fullmatch(last or first):
        raise ValueError(f"{text!r} is not FIRST-LAST, such as 1-20; the URL goes in front of --primary")
    bounds = _primary(first), _primary(last or first)
    if bounds[0] > bounds[1]:
        raise ValueError(f"{text!r}: the first address is above the last")
    return bounds


def _baud(text: str) -> int:
    from mbusio.transport.url import parse_baud

    return parse_baud(text)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.astimezone().replace(tzinfo=None) if moment.tzinfo else moment


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= LONGEST_SEARCH:
        raise ValueError(f"{text!r}: wait for more than 0 and at most {LONGEST_SEARCH:.0f} seconds")
    return seconds


def _timeout(text: str) -> float:
    from mbusio.listreading import Patience

    return Patience(timeout=float(text)).timeout


def _retries(text: str) -> int:
    from mbusio.listreading import Patience

    return Patience(retries=int(text)).retries


def _byte(text: str) -> int:
    if not re.fullmatch(r"(0x)?[0-9A-Fa-f]{1,2}", text):
        raise ValueError(f"{text!r} is not one byte in hex, such as 10")
    return int(text, 16)


def _key(text: str) -> bytes:
    if text.startswith("@"):
        text = Path(text[1:]).read_text("ascii").strip()
    if not re.fullmatch(r"[0-9A-Fa-f]{32}", text):
        raise ValueError("a key has 32 hex digits")
    return bytes.fromhex(text)
