"""Writes the manual pages of the commands from their own help: python man.py FOLDER VERSION."""

import subprocess
import sys
from pathlib import Path
from typing import Final

COMMANDS: Final = {
    "mbus": ("mbusio.cli", "talk to meters on an M-Bus"),
    "mbussim": ("mbussim", "simulate an M-Bus full of meters"),
    "mbusmaster": ("mbusmaster", "share one M-Bus among many clients"),
}


def page(command: str, module: str, what: str, version: str) -> str:
    """Give a manual page (man(7))."""
    asked = [sys.executable, "-I", "-B", "-m", module, "--help"]
    said = subprocess.run(  # noqa: S603 - our own commands
        asked, check=True, capture_output=True, text=True, env={"COLUMNS": "79"}
    ).stdout
    shown = said.replace("\\", "\\e").replace("-", "\\-").replace("\n.", "\n\\&.").replace("\n'", "\n\\&'")
    return (
        f'.TH {command.upper()} 1 "" "mbusmaster {version}"\n.SH NAME\n{command} \\- {what}\n'
        f".SH DESCRIPTION\n.nf\n{shown}.fi\n"
        f".PP\nEach command has a help of its own: {command} COMMAND \\-\\-help.\n"
    )


if __name__ == "__main__":
    folder, version = Path(sys.argv[1]), sys.argv[2]
    for name, (module, what) in COMMANDS.items():
        (folder / f"{name}.1").write_text(page(name, module, what, version))
