"""The command ``mbusmaster``."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

DEFAULT_CONFIG: Final = Path("/etc/mbusmaster/mbusmaster.toml")
CONFIG_VARIABLE: Final = "MBUSMASTER_CONFIG"
STATE_VARIABLE: Final = "MBUSMASTER_STATE"

RUN_EXAMPLES: Final = """\
examples:
  mbusmaster run
  mbusmaster run --config ./mbusmaster.toml --state ./state

A settings file for a level converter on a serial port, with the pages for set-up on port 8080 of this machine:

  version = 4
  [[buses]]
  url = "/dev/ttyUSB0"
  [web]
  port = 8080

Channels over the network stay closed until a first user is made, on the pages or with `mbusmaster add-user`.
"""
DEMO_EXAMPLES: Final = """\
examples:
  mbusmaster demo
  mbusmaster demo --meters 20 --baud 9600
  mbusmaster demo --replay ../shared/telegrams/good --json

The line of --json has the keys web, user, password (the pages), tcp, tls, rfc2217 (URLs that `mbus scan` takes),
tls_ca, tls_cert, tls_key (files for a client of the secured channel), serial (a serial port), simulator_control (HOST:PORT,
see mbussim serve --help), head_end (what masters call) and head_end_web (its pages).
"""

_log = logging.getLogger("mbusmaster")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        match options.command:
            case "demo":
                from mbusmaster.demo import Scene, demo

                fast = options.speed == "fast"
                return demo(
                    Scene(
                        options.meters,
                        options.replay,
                        options.baud,
                        fast,
                        options.json,
                        not options.no_head_end,
                    )
                )
            case "run":
                return _run(options)
            case _:
                return _administer(options)
    except KeyboardInterrupt:
        return 130


def _run(options: argparse.Namespace) -> int:
    from mbusio.notify import notify_ready
    from mbusmaster.app import serve
    from mbusmaster.errors import MasterError
    from mbusmaster.settings import SettingsError, SettingsService, Store
    from mbusmaster.system.erase import erase_if_asked, hold
    from mbusmaster.system.logs import start_logging
    from mbusmaster.system.memory import leave_out_pydantic_1
    from mbusmaster.system.restart import ExitReason, start_again

    leave_out_pydantic_1()
    store = Store(_config(options))
    try:
        loaded = store.load()
    except SettingsError as error:
        return _fail(str(error))
    if _is_config_named(options) and loaded.source is None:
        return _fail(f"there is no settings file {store.path}; write it, or name another one with --config")
    logs = start_logging(loaded.settings.log.level)
    if loaded.source is None:
        _log.info("there is no %s: the defaults are in force", store.path)
    if loaded.problem:
        print(f"mbusmaster: {loaded.problem}; using {loaded.source}", file=sys.stderr)
    try:
        state = _state(options, loaded.settings.state_folder)
        if hold(state) is None:
            _log.warning("another gateway uses the state folder %s", state)
        elif erase_if_asked(state, store):
            loaded = store.load()
        logs.open(state, loaded.settings.log)
        reason = serve(SettingsService(store, loaded), state, logs, notify_ready)
    except MasterError as error:
        return _fail(str(error))
    if reason is ExitReason.RESTART:
        start_again()
    return 0


def _administer(options: argparse.Namespace) -> int:
    from mbusmaster import administration
    from mbusmaster.errors import MasterError
    from mbusmaster.settings import Store
    from mbusweb.errors import WebBaseError

    try:
        state = _state(options, Store(_config(options)).load().settings.state_folder)
        match options.command:
            case "reset-users":
                administration.reset_users(state)
            case "add-user":
                administration.add_user(state, options.name)
            case "client":
                _client(options, state)
            case "enrol":
                _enrol(options, state)
            case "erase":
                administration.erase(state, Store(_config(options)), sure=options.yes)
    except (MasterError, WebBaseError) as error:
        return _fail(str(error))
    return 0


def _enrol(options: argparse.Namespace, state: Path) -> None:
    from mbusmaster import administration
    from mbusmaster.serial_number import serial_number
    from mbusmaster.settings import Store

    settings = Store(_config(options)).load().settings
    number, _source = serial_number(settings.device.serial_number, as_anyone=True)
    administration.enrol(state, options.url, options.token, number, settings.hosting)


def _client(options: argparse.Namespace, state: Path) -> None:
    from mbusmaster import administration

    match options.action:
        case "add":
            administration.add_client(
                state, options.name, options.output, options.days, encrypt=not options.no_passphrase
            )
        case "list":
            administration.list_clients(state, as_json=options.json)
        case "revoke":
            administration.revoke_client(state, options.name)


def _is_config_named(options: argparse.Namespace) -> bool:
    return bool(options.config or os.environ.get(CONFIG_VARIABLE))


def _config(options: argparse.Namespace) -> Path:
    return Path(options.config or os.environ.get(CONFIG_VARIABLE) or DEFAULT_CONFIG)


def _state(options: argparse.Namespace, otherwise: Path) -> Path:
    """Give the state folder, made where there is none; raise `StateFolderError`."""
    from mbusmaster.errors import StateFolderError

    state = Path(options.state or os.environ.get(STATE_VARIABLE) or otherwise)
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o750)
    except OSError as error:
        raise StateFolderError(
            f"cannot use the state folder {state}: {error.strerror}; name another one with --state"
        ) from error
    return state


def _fail(reason: str) -> int:
    print(f"mbusmaster: {reason}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mbusmaster", description="The M-Bus master: many clients on one bus."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser(
        "run",
        help="run the gateway",
        description="Run the gateway until Ctrl-C or SIGTERM.",
        epilog=RUN_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_places(run)
    reset = commands.add_parser(
        "reset-users",
        help="delete all users and bring the default user back",
        description="Delete all users, logins and API tokens and bring the default user back; a running gateway notices at once.",
    )
    _add_places(reset)
    add_user = commands.add_parser(
        "add-user",
        help="add a user of the pages",
        description="Add a user; the password is asked for, or is the first line of standard input. "
        "The first user opens the channels.",
    )
    add_user.add_argument("name", metavar="NAME")
    _add_places(add_user)
    enrol = commands.add_parser(
        "enrol",
        help="let a head-end take this master in",
        description="Get a certificate from a head-end with a token that works once; a running gateway notices at once.",
    )
    enrol.add_argument("url", metavar="URL", help="of the head-end: https://name:port")
    enrol.add_argument(
        "token", metavar="TOKEN", help="as `mbusheadend token` prints it; - reads it from standard input"
    )
    _add_places(enrol)
    erase = commands.add_parser(
        "erase",
        help="erase all data",
        description="Erase users, meters, readings, keys, certificates and logs; settings go back to their defaults.",
    )
    erase.add_argument("--yes", action="store_true", help="do not ask")
    _add_places(erase)
    _add_client_commands(commands)
    _add_demo(commands)
    return parser


def _add_demo(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    demo = commands.add_parser(
        "demo",
        help="run a simulated bus, the gateway and a head-end",
        description="Run a simulated bus full of meters, the gateway in front of it and a head-end that reads every minute, "
        "on loopback, until Ctrl-C.",
        epilog=DEMO_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    demo.add_argument(
        "--meters", type=_count, default=6, metavar="N", help="how many simulated meters (default 6)"
    )
    demo.add_argument(
        "--replay", type=Path, metavar="DIR", help="each *.hex there that is a response becomes a meter"
    )
    demo.add_argument(
        "--baud", type=int, choices=(300, 2400, 9600, 19200), default=2400, help="rate (default 2400)"
    )
    demo.add_argument(
        "--speed",
        choices=("real", "fast"),
        default="real",
        help="fast: characters take no time, silences still do (default real)",
    )
    demo.add_argument(
        "--no-head-end", action="store_true", help="without the head-end that reads every minute"
    )
    demo.add_argument("--json", action="store_true", help="print one line of JSON when all is ready")


def _add_places(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", type=Path, help=f"settings file (default ${CONFIG_VARIABLE} or {DEFAULT_CONFIG})"
    )
    parser.add_argument(
        "--state",
        type=Path,
        help=f"folder for what it keeps (default ${STATE_VARIABLE}, or state_folder of the file)",
    )


def _add_client_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    client = commands.add_parser(
        "client",
        help="whom the secured channel trusts",
        description="Issue and revoke the certificates of clients of the secured channel; a running gateway notices at once.",
    )
    actions = client.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", help="issue a bundle of key and certificate for a new client")
    add.add_argument("name", metavar="NAME")
    add.add_argument(
        "--output", type=Path, metavar="FILE", help="NAME.p12 (default), or a name that ends in .pem"
    )
    add.add_argument("--days", type=int, help="for how long it is valid (default five years)")
    add.add_argument("--no-passphrase", action="store_true", help="do not encrypt the bundle")
    listing = actions.add_parser("list", help="show all clients")
    listing.add_argument("--json", action="store_true", help="as one line of JSON")
    revoke = actions.add_parser("revoke", help="trust a client no more; it is out at once")
    revoke.add_argument("name", metavar="NAME", help="name or id")
    for parser in (add, listing, revoke):
        _add_places(parser)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) > 250:
        raise argparse.ArgumentTypeError(f"a bus carries 0 to 250 meters, not {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
