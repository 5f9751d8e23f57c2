"""Spark on this machine: a cluster of two workers that are processes of their own, gone when the program has ended."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from support.needs import PROJECT, program

CLUSTER: Final = "local-cluster[2,1,1024]"
PACKAGES: Final = ("mbus", "mbusio", "mbushosting", "mbusweb", "mbusheadend")
SECONDS: Final = 280


def submit(
    folder: Path,
    job: Path,
    arguments: Sequence[str | Path] = (),
    *,
    master: str = CLUSTER,
    with_packages: bool = True,
) -> str:
    """Run a program as ``spark-submit`` does; give what it printed. All that Spark writes is in the folder."""
    program("java", "openjdk-17-jre-headless")
    home = _home(folder / "spark")
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    files = ["--py-files", str(_packed(folder / "packages.zip"))] if with_packages else []
    options = {
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.executor.memory": "512m",
        "spark.sql.shuffle.partitions": "2",
    }
    settings = [part for name, value in options.items() for part in ("--conf", f"{name}={value}")]
    ended = subprocess.run(
        [home / "bin" / "spark-submit", "--master", master, *settings, *files, job, *arguments],
        env={
            **os.environ,
            "SPARK_HOME": str(home),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_LOCAL_DIRS": str(scratch),
            "PYSPARK_PYTHON": sys.executable,
            "PYSPARK_DRIVER_PYTHON": sys.executable,
        },
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr[-5000:]
    return ended.stdout


def _home(folder: Path) -> Path:
    """Make a home for Spark whose workers write below it, not beside what is installed."""
    spec = find_spec("pyspark")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    installed = Path(spec.submodule_search_locations[0])
    folder.mkdir(exist_ok=True)
    for one in installed.iterdir():
        if one.name != "work" and not (folder / one.name).exists():
            (folder / one.name).symlink_to(one)
    return folder


def _packed(path: Path) -> Path:
    """Pack the packages that a worker imports, as a wheel has them."""
    if not path.exists():
        with zipfile.ZipFile(path, "w") as packed:
            for package in PACKAGES:
                for file in (PROJECT / "src" / package).rglob("*.py"):
                    packed.write(file, file.relative_to(PROJECT / "src"))
    return path
