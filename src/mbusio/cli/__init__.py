"""The command `mbus`: decode, scan, read, write and monitor from a terminal (DESIGN 4)."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module

from mbus.errors import MBusError
from mbusio.cli.arguments import parse
from mbusio.cli.failure import CommandError
from mbusio.errors import BusIOError

EXIT_FAILURE = 1
EXIT_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; give its exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    options = parse(arguments)
    # Only the chosen command is loaded: decoding needs neither a serial port nor a progress bar.
    module = import_module(f"mbusio.cli.{options.module}")
    try:
        if getattr(getattr(options, "url", None), "bundle", None):
            from mbusio.cli.passphrase import with_passphrase

            options.url = with_passphrase(options.url)
        code: int = module.run(options)
        if sys.stdout is not None:
            sys.stdout.flush()
    except (BusIOError, MBusError, CommandError) as error:
        print(f"mbus: {' '.join(str(error).split())}", file=sys.stderr)
        return EXIT_FAILURE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has enough.
        _drop_output()
        return EXIT_FAILURE
    except OSError as error:
        print(f"mbus: cannot write: {error.strerror or error}", file=sys.stderr)
        _drop_output()
        return EXIT_FAILURE
    return code


def _drop_output() -> None:
    # Python would complain once more when it flushes at the end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
