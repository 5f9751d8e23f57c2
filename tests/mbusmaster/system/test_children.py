"""What is left behind: nothing, however a process ends."""

import os
import select
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from mbusmaster.system.children import ends_with_parent, scratch_folder

PARENT = """
import subprocess, sys
from mbusmaster.system.children import ends_with_parent
child = subprocess.Popen(["sleep", "600"], preexec_fn=ends_with_parent())
print(child.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_scratch_folder_is_there_for_the_block_and_gone_afterwards(temporary: Path) -> None:
    with scratch_folder("demo-") as folder:
        (folder / "file").write_text("x")
        assert folder.parent == temporary
    assert list(temporary.iterdir()) == []


def test_a_folder_of_a_process_that_was_killed_is_removed_by_the_next_and_one_in_use_is_not(
    temporary: Path,
) -> None:
    left = temporary / "demo-left"
    left.mkdir()
    (left / "in-use").touch()
    foreign = temporary / "demo-foreign"
    foreign.mkdir()
    with scratch_folder("demo-") as one, scratch_folder("demo-") as two:
        assert sorted(temporary.iterdir()) == sorted((one, two, foreign))


@pytest.mark.process
def test_a_child_ends_when_its_parent_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        # Readable once the child has ended, whoever has to reap it.
        ended = os.pidfd_open(child)
        parent.send_signal(signal.SIGKILL)
        parent.wait(timeout=20)
        try:
            assert select.select([ended], [], [], 20)[0] == [ended]
        finally:
            os.close(ended)


def test_a_child_whose_parent_is_gone_already_does_not_begin() -> None:
    prepare = ends_with_parent()

    def orphaned() -> None:
        os.getppid = lambda: 1
        prepare()

    child = subprocess.Popen(
        [sys.executable, "-c", "print('began')"], stdout=subprocess.PIPE, preexec_fn=orphaned
    )
    assert child.communicate(timeout=20)[0] == b""
    assert child.returncode == 1
