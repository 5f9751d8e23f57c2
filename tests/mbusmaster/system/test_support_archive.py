import io
import json
import logging
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbusmaster.system import support
from mbusmaster.system.logs import Logs
from mbusmaster.system.support import (
    SupportParts,
    archive_name,
    machine_facts,
    support_archive,
    versions,
    without_secrets,
)

NOW = datetime(2026, 3, 9, 7, 5, 4, tzinfo=UTC)


def logs(system: tuple[str, ...] = (), debug: tuple[str, ...] = ()) -> Logs:
    kept = Logs(monotonic=lambda: 0.0)
    for log, texts in ((kept.system, system), (kept.debug, debug)):
        for text in texts:
            log.add(NOW.timestamp(), logging.INFO, "mbusmaster", text)
    return kept


def unpacked(parts: SupportParts, kept: Logs) -> dict[str, str]:
    content = b"".join(support_archive(kept, parts, NOW))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert {entry.date_time for entry in archive.infolist()} == {(2026, 3, 9, 7, 5, 4)}
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_the_archive_has_logs_versions_settings_counters_and_the_machine() -> None:
    parts = SupportParts("version = 3\n", {"plain_tcp": {"clients": 2}}, ["2026 restart: "])
    files = unpacked(parts, logs(("ready", "größer"), ("frame",)))
    assert files["system.log"] == (
        "1 2026-03-09T07:05:04.000Z INFO    mbusmaster: ready\n2 2026-03-09T07:05:04.000Z INFO    mbusmaster: größer\n"
    )
    assert files["debug.log"].endswith("mbusmaster: frame\n")
    assert files["settings.toml"] == "version = 3\n"
    assert json.loads(files["counters.json"]) == {"plain_tcp": {"clients": 2}}
    assert "python" in json.loads(files["versions.json"])
    assert files["audit.txt"] == "2026 restart: \n"
    for word in ("MemAvailable", "VmRSS", "== /proc/uptime", "== /proc/net/route"):
        assert word in files["machine.txt"]


@pytest.mark.parametrize(("year", "shown"), [(1970, 1980), (2099, 2099), (2150, 2107)])
def test_a_clock_that_is_far_off_is_no_reason_to_have_no_archive(year: int, shown: int) -> None:
    content = b"".join(support_archive(logs(), SupportParts("", {}), NOW.replace(year=year)))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert {entry.date_time[0] for entry in archive.infolist()} == {shown}


def test_logs_that_are_empty_are_empty_files() -> None:
    files = unpacked(SupportParts("", {}), logs())
    assert files["system.log"] == files["debug.log"] == ""


def test_the_machine_tells_of_its_disk_and_of_what_it_does_not_know(tmp_path: Path) -> None:
    text = "".join(machine_facts(tmp_path, root=tmp_path))
    assert f"disk of {tmp_path}" in text
    assert "MiB free" in text
    assert "== /proc/meminfo\nNo such file" in text
    assert "No such file" in next(machine_facts(tmp_path / "gone", root=tmp_path))


NAMES = st.sampled_from(["password", "passphrase", "client_secret", "api_token", "PrivateKey", "psk"])
SECRETS = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=8, max_size=20).map("S3".__add__)


@given(NAMES, SECRETS, st.recursive(st.just("x"), lambda inner: st.lists(inner, max_size=2), max_leaves=3))
def test_nothing_under_the_name_of_a_secret_and_no_user_of_a_url_is_left(
    name: str, secret: str, other: object
) -> None:
    settings = {
        "buses": [{"name": "main", name: secret, "url": f"tcp://anna:{secret}@192.0.2.1:2445"}, other],
        "firmware": {"server": f"https://{secret}@updates.example/?{name}={secret}&channel=stable"},
    }
    shown = str(without_secrets(settings))
    assert secret not in shown
    for word in ("main", "192.0.2.1:2445", "updates.example", "channel=stable"):
        assert word in shown


def test_the_archive_comes_in_small_pieces() -> None:
    # Digits that hardly compress, so that there is something to hand over.
    noise = (str(pow(7, number, 10**300)) for number in range(1000, 1500))
    pieces = list(support_archive(logs(tuple(noise)), SupportParts("", {}), NOW))
    assert len(pieces) > 5
    assert max(map(len, pieces)) < 128 * 1024


def test_a_part_that_is_much_too_long_is_cut_off_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(support, "_LARGEST_PART", 1000)
    files = unpacked(SupportParts("x" * 5000, {}, ("y" * 600, "z" * 600)), logs())
    assert files["settings.toml"] == "x" * 1000 + "\n… cut off here: too long\n"
    assert files["audit.txt"].endswith("z\n… cut off here: too long\n")


def test_the_versions_name_what_runs() -> None:
    found = versions()
    assert found["mbusmaster"][0].isdigit()
    assert "pydantic" in found


def test_the_name_of_the_file_tells_master_and_time() -> None:
    assert archive_name("65012345", NOW) == "mbusmaster-65012345-20260309T070504Z.zip"
