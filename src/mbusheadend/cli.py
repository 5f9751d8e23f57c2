"""The command ``mbusheadend``."""

import argparse
import asyncio
import json
import logging
import os
import re
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Final

from mbusheadend import administration, schedule_options, stream_options
from mbusheadend.errors import HeadEndError
from mbusio.notify import notify_ready, notify_stopping, stay_alive

DEFAULT_CONFIG: Final = Path("/etc/mbusheadend/mbusheadend.toml")
CONFIG_VARIABLE: Final = "MBUSHEADEND_CONFIG"
STATE_VARIABLE: Final = "MBUSHEADEND_STATE"
STORE_VARIABLE: Final = "MBUSHEADEND_STORE"
SERVE_EXAMPLES: Final = """\
examples:
  mbusheadend serve --name readings.example.org
  mbusheadend serve --config ./mbusheadend.toml --state ./state --listen 127.0.0.1:8443 --web-listen http://127.0.0.1:8080

A settings file:

  version = 1
  state_folder = "/var/lib/mbusheadend"
  listen = ["0.0.0.0:8443", "[::]:8443"]
  names = ["readings.example.org"]
  web_listen = ["0.0.0.0:8444", "[::]:8444"]
"""
ENROLMENT_EXAMPLES: Final = """\
examples:
  mbusheadend token
  mbusheadend token --days 1 --note "Mill Lane 3, cellar"

The token takes one master in. On the master: mbusmaster enrol URL TOKEN
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        status = _run(options)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read it has seen enough; nothing more may be written at the end of the process.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except HeadEndError as error:
        print(f"mbusheadend: {error}", file=sys.stderr)
        return 1


def _run(options: argparse.Namespace) -> int:
    from mbusheadend import commands
    from mbusheadend.store import StoreError

    options.settings_file = Path(options.config or os.environ.get(CONFIG_VARIABLE) or DEFAULT_CONFIG)
    settings = commands.settings_for(
        options.settings_file,
        must_exist=bool(options.config or os.environ.get(CONFIG_VARIABLE)),
        state=options.state or os.environ.get(STATE_VARIABLE),
        listen=getattr(options, "listen", None),
        names=getattr(options, "names", None),
        web_listen=getattr(options, "web_listen", None),
        stream=getattr(options, "stream", None),
        store=_store_of(options.store) or os.environ.get(STORE_VARIABLE),
    )
    if options.tenant:
        settings = commands.settings_of_tenant(settings, options.tenant, serves=options.command == "serve")
    work: Coroutine[Any, Any, None]
    match options.command:
        case "serve":
            _begin_log(options)
            work = _serve(
                lambda stop, ready: commands.serve(settings, stop, ready, options.settings_file),
                as_json=options.json,
            )
        case "write":
            _begin_log(options)
            work = _serve(
                lambda stop, ready: commands.write(settings, stop, ready, options.writers),
                as_json=options.json,
            )
        case "token":
            work = commands.token(settings, options.days, options.note, as_json=options.json)
        case "schedule":
            work = commands.schedule(settings, options)
        case "masters":
            work = commands.masters(settings, as_json=options.json)
        case _ if "work" in options:
            work = options.work(settings, options)
        case _:
            work = commands.revoke(settings, options.serial)
    try:
        _run_loop(work)
    except StoreError as error:
        raise HeadEndError(str(error)) from error
    return 0


def _begin_log(options: argparse.Namespace) -> None:
    level = logging.WARNING if options.quiet else logging.INFO
    logging.basicConfig(level=level, format="%(levelname)s %(message)s", stream=sys.stderr)


async def _serve(
    serve: Callable[[asyncio.Event, Callable[[dict[str, str]], None]], Coroutine[Any, Any, None]],
    *,
    as_json: bool,
) -> None:
    """Serve until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)

    def ready(urls: dict[str, str]) -> None:
        if as_json:
            print(json.dumps(urls), flush=True)
        elif "first_user" in urls:
            print(f"There are no users yet. Make the first administrator: {urls['first_user']}", flush=True)
        notify_ready(
            f"masters call {urls['hosting']}" if "hosting" in urls else "writes what the stream holds"
        )

    async def say_stopping() -> None:
        await stop.wait()
        notify_stopping()

    told = [asyncio.create_task(stay_alive()), asyncio.create_task(say_stopping())]
    try:
        await serve(stop, ready)
    finally:
        for task in told:
            task.cancel()
        await asyncio.gather(*told, return_exceptions=True)


def _run_loop(work: Coroutine[Any, Any, None]) -> None:
    try:
        import uvloop
    except ImportError:
        asyncio.run(work)
    else:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(work)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mbusheadend", description="The head-end: takes masters in, and keeps what they read."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    serve, token = _add_serve(commands), _add_token(commands)
    masters = commands.add_parser("masters", help="list the masters")
    masters.add_argument("--json", action="store_true", help="as one line of JSON")
    revoke = commands.add_parser(
        "revoke",
        help="trust a master no more",
        description="Trust no certificate of a master any more; a running head-end knows it at once.",
    )
    revoke.add_argument("serial", metavar="SERIAL", help="serial number of the master")
    for one in (
        serve,
        token,
        masters,
        revoke,
        *schedule_options.add_parser(commands),
        *stream_options.add_parsers(commands),
        *administration.add_parsers(commands),
    ):
        _add_places(one)
    return parser


def _add_serve(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> argparse.ArgumentParser:
    serve = commands.add_parser(
        "serve",
        help="run the head-end",
        description="Run the head-end until Ctrl-C or SIGTERM.",
        epilog=SERVE_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    serve.add_argument(
        "--listen",
        action="append",
        metavar="HOST:PORT",
        help="where masters call, also more than once; port 0 takes any free one (default: every address, port 8443)",
    )
    serve.add_argument(
        "--web-listen",
        action="append",
        metavar="PLACE",
        help="where people find the pages: HOST:PORT over TLS, or http://HOST:PORT on loopback; also more than once "
        "(default: every address, port 8444)",
    )
    stream_options.add_stream(serve)
    serve.add_argument("--quiet", action="store_true", help="log warnings and errors only")
    serve.add_argument("--json", action="store_true", help="print one line of JSON when all is ready")
    _add_name(serve)
    return serve


def _add_token(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> argparse.ArgumentParser:
    token = commands.add_parser(
        "token",
        help="make a token that takes one master in",
        description="Make a token that takes one master in; a running head-end knows it at once.",
        epilog=ENROLMENT_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    token.add_argument("--days", type=_days, default=7, metavar="N", help="for how long (default 7)")
    token.add_argument("--note", type=_note, default="", metavar="TEXT", help="what it is for")
    token.add_argument("--json", action="store_true", help="as one line of JSON")
    _add_name(token)
    return token


def _add_name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--name",
        action="append",
        dest="names",
        metavar="NAME",
        help="DNS name or address under which masters call, also more than once",
    )


def _add_places(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help=f"settings (default ${CONFIG_VARIABLE} or {DEFAULT_CONFIG})",
    )
    parser.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        help=f"folder for what it keeps (default ${STATE_VARIABLE} or the file's)",
    )
    parser.add_argument(
        "--tenant",
        metavar="NAME",
        help="whose it is, where a head-end has several tenants (default: main, the one that is always there)",
    )
    parser.add_argument(
        "--store",
        metavar="URL",
        help="PostgreSQL that keeps what was read: postgresql://USER@HOST/DATABASE, without a password "
        f"(default ${STORE_VARIABLE}, the file's, or a file in the state folder)",
    )


def _store_of(url: str | None) -> str | None:
    """Refuse a password that everybody on the machine can see; raise `HeadEndError`."""
    if url is not None and re.search(r"//[^/@]*:[^/@]*@|[?&]password=", url):
        raise HeadEndError(
            "--store: a password on a command line is seen by everybody on the machine: put it into a password file"
            f" (PGPASSFILE), into ${STORE_VARIABLE}, or into the settings file"
        )
    return url


def _days(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 365:
        raise argparse.ArgumentTypeError(f"1 to 365 days, not {text!r}")
    return int(text)


def _note(text: str) -> str:
    if len(text) > 200 or not (text.isprintable() or not text):
        raise argparse.ArgumentTypeError("a note has at most 200 printable characters")
    return text
