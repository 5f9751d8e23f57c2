import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from support.needs import missing

SECONDS = 60 if os.environ.get("CI") else 3


@pytest.mark.timeout(SECONDS + 60)
@pytest.mark.process
def test_nothing_but_documented_errors_comes_out_of_fuzzed_bytes(tmp_path: Path) -> None:
    if find_spec("atheris") is None:
        missing("atheris is not installed (dependency group fuzz)")
    command = [sys.executable, str(Path(__file__).with_name("fuzz_decode.py")), "--seconds", str(SECONDS)]
    # In its own folder: the fuzzer writes an input that breaks something beside itself.
    finished = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=SECONDS + 50
    )
    assert finished.returncode == 0, finished.stdout[-2000:] + finished.stderr[-4000:]
