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

A settings file for a level converter on a serial port, open to programs on this machine:

  version = 2
  [[buses]]
  url = "/dev/ttyUSB0"
  [channels.plain_tcp]
  enabled = true
  bind = ["127.0.0.1"]
"""
DEMO_EXAMPLES: Final = """\
examples:
  mbusmaster demo
  mbusmaster demo --meters 20 --baud 9600
  mbusmaster demo --replay ../shared/telegrams/good --json

The line of --json has the keys tcp (a URL that `mbus scan` takes) and simulator_control (HOST:PORT, see mbussim serve --help).
"""

_log = logging.getLogger("mbusmaster")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "demo":
            from mbusmaster.demo import Scene, demo

            fast = options.speed == "fast"
            return demo(Scene(options.meters, options.replay, options.baud, fast, options.json))
        return _run(options.config, options.state)
    except KeyboardInterrupt:
        return 130


def _run(config: Path | None, state: Path | None) -> int:
    from mbusmaster.app import serve
    from mbusmaster.errors import MasterError
    from mbusmaster.settings import SettingsError, Store
    from mbusmaster.system.logs import start_logging
    from mbusmaster.system.notify import notify_ready

    named = config or os.environ.get(CONFIG_VARIABLE)
    path = Path(named or DEFAULT_CONFIG)
    try:
        loaded = Store(path).load()
    except SettingsError as error:
        return _fail(str(error))
    if named and loaded.source is None:
        return _fail(f"there is no settings file {path}; write it, or name another one with --config")
    settings = loaded.settings
    start_logging(settings.log.level)
    if loaded.source is None:
        _log.info("there is no %s: the defaults are in force, and no channel is open", path)
    if loaded.problem:
        print(f"mbusmaster: {loaded.problem}; using {loaded.source}", file=sys.stderr)
    if state is None:
        state = Path(os.environ.get(STATE_VARIABLE) or settings.state_folder)
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o750)
    except OSError as error:
        return _fail(f"cannot use the state folder {state}: {error.strerror}; name another one with --state")
    try:
        serve(settings, lambda master: notify_ready())
    except MasterError as error:
        return _fail(str(error))
    return 0


def _fail(reason: str) -> int:
    print(f"mbusmaster: {reason}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mbusmaster", description="The M-Bus master: many clients on one bus."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    raw = argparse.RawDescriptionHelpFormatter
    run = commands.add_parser(
        "run",
        help="run the gateway",
        description="Run the gateway until Ctrl-C or SIGTERM.",
        epilog=RUN_EXAMPLES,
        formatter_class=raw,
    )
    run.add_argument(
        "--config", type=Path, help=f"settings file (default ${CONFIG_VARIABLE} or {DEFAULT_CONFIG})"
    )
    run.add_argument(
        "--state",
        type=Path,
        help=f"folder for what it keeps (default ${STATE_VARIABLE}, or state_folder of the file)",
    )
    demo = commands.add_parser(
        "demo",
        help="run a simulated bus and the gateway in front of it",
        description="Run a simulated bus full of meters and the gateway in front of it, on loopback, until Ctrl-C.",
        epilog=DEMO_EXAMPLES,
        formatter_class=raw,
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
    demo.add_argument("--json", action="store_true", help="print one line of JSON when all is ready")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) > 250:
        raise argparse.ArgumentTypeError(f"a bus carries 0 to 250 meters, not {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
