import io
import json
import logging
import zipfile
from datetime import UTC, datetime

import pytest

from mbusmaster.system import support
from mbusmaster.system.logring import LogRing
from mbusmaster.system.support import SupportParts, archive_name, support_archive, versions

NOW = datetime(2026, 3, 9, 7, 5, 4, tzinfo=UTC)


def ring(*texts: str) -> LogRing:
    kept = LogRing(1 << 20)
    for text in texts:
        kept.add(NOW.timestamp(), logging.INFO, "mbusmaster", text)
    return kept


def unpacked(parts: SupportParts, system: LogRing, debug: LogRing) -> dict[str, str]:
    content = b"".join(support_archive(system, debug, parts, NOW))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert {entry.date_time for entry in archive.infolist()} == {(2026, 3, 9, 7, 5, 4)}
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_the_archive_has_logs_versions_settings_and_counters() -> None:
    parts = SupportParts("version = 3\n", {"plain_tcp": {"clients": 2}})
    files = unpacked(parts, ring("ready", "größer"), ring("frame"))
    assert files["system.log"] == (
        "2026-03-09T07:05:04.000Z INFO    mbusmaster: ready\n2026-03-09T07:05:04.000Z INFO    mbusmaster: größer\n"
    )
    assert files["debug.log"].endswith("mbusmaster: frame\n")
    assert files["settings.toml"] == "version = 3\n"
    assert json.loads(files["counters.json"]) == {"plain_tcp": {"clients": 2}}
    assert "python" in json.loads(files["versions.json"])


def test_logs_that_are_empty_are_empty_files() -> None:
    files = unpacked(SupportParts("", {}), ring(), ring())
    assert files["system.log"] == files["debug.log"] == ""


def test_the_archive_comes_in_small_pieces() -> None:
    # Digits that hardly compress, so that there is something to hand over.
    noise = (str(pow(7, number, 10**300)) for number in range(1000, 3000))
    pieces = list(support_archive(ring(*noise), ring(), SupportParts("", {}), NOW))
    assert len(pieces) > 5
    assert max(map(len, pieces)) < 128 * 1024


def test_a_part_that_is_much_too_long_is_cut_off_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(support, "_LARGEST_PART", 1000)
    files = unpacked(SupportParts("x" * 5000, {}), ring("y" * 600, "z" * 600), ring())
    assert files["settings.toml"] == "x" * 1000 + "\n… cut off here: too long\n"
    assert files["system.log"].endswith("z\n… cut off here: too long\n")


def test_the_versions_name_what_runs() -> None:
    found = versions()
    assert found["mbusmaster"][0].isdigit()
    assert "pydantic" in found


def test_the_name_of_the_file_tells_master_and_time() -> None:
    assert archive_name("65012345", NOW) == "mbusmaster-65012345-20260309T070504Z.zip"
