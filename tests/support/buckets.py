"""A service like S3 on loopback: moto's server, as a process."""

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow.fs

SECONDS = 60


@contextmanager
def s3_server() -> Iterator[str]:
    """Serve; give its URL."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _await(url, process)
        yield url
    finally:
        process.terminate()
        process.wait()


def system(url: str) -> Any:
    """Give the service as files of pyarrow, with rights to make buckets."""
    return pyarrow.fs.S3FileSystem(
        endpoint_override=url.removeprefix("http://"),
        scheme="http",
        access_key="name",
        secret_key="secret",
        region="us-east-1",
        allow_bucket_creation=True,
    )


def _await(url: str, process: "subprocess.Popen[bytes]") -> None:
    """Ask until it answers: it says nothing when it is ready."""
    end = time.monotonic() + SECONDS
    while True:
        assert process.poll() is None, "moto ended"
        try:
            with urllib.request.urlopen(url, timeout=SECONDS):
                return
        except urllib.error.HTTPError:
            return
        except urllib.error.URLError:
            assert time.monotonic() < end, "moto does not answer"
            time.sleep(0.1)
