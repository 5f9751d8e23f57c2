"""Releases that a head-end takes in, and whom it offers them to."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mbusheadend import cli
from mbusheadend.firmware import shelf as shelves
from mbusheadend.firmware.offering import number_of, offered
from mbusheadend.firmware.releases import FirmwareError, Held
from mbusheadend.firmware.shelf import Shelf
from mbusreleases import errors
from mbusreleases.description import Kind, Platform, this_platform
from support.releases import NOW, ReleaseMaker

Make = Callable[[ReleaseMaker], Path]


@pytest.fixture
def maker(tmp_path: Path) -> ReleaseMaker:
    return ReleaseMaker(tmp_path / "made")


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "state", tmp_path / "no package")


def refusal(shelf: Shelf, file: Path, maker: ReleaseMaker, now: datetime = NOW) -> str:
    before = shelf.releases()
    with pytest.raises(FirmwareError) as refused:
        shelf.add(file, now, root=maker.root)
    assert shelf.releases() == before
    assert not list(shelf.folder.glob(".taking-*"))
    return refused.value.text.template


def test_a_good_release_is_taken_in_with_what_is_known_of_it(shelf: Shelf, maker: ReleaseMaker) -> None:
    file = maker.good(42)
    held = shelf.add(file, NOW, root=maker.root)
    assert (held.number, held.added, held.groups) == (42, NOW, None)
    assert held.platforms == (str(this_platform()),)
    assert NOW + timedelta(days=700) < held.expires <= NOW + timedelta(days=731)
    assert shelf.releases() == (held,)
    assert shelf.add(maker.good(43), NOW).number == 43
    assert [one.number for one in shelf.releases()] == [43, 42]


@pytest.mark.parametrize(
    ("make", "template"),
    [
        (ReleaseMaker.altered_file, errors.ALTERED_FILE),
        (ReleaseMaker.altered_metadata, errors.ALTERED_METADATA),
        (ReleaseMaker.expired, errors.EXPIRED),
        (ReleaseMaker.wrong_signature, shelves.NOT_TRUSTED),
        (ReleaseMaker.wrong_name, errors.WRONG_NAME),
        (ReleaseMaker.not_a_tar, errors.NOT_A_TAR),
        (ReleaseMaker.links, errors.NO_PLAIN_FILE),
        (ReleaseMaker.cut_off, errors.CUT_OFF),
    ],
)
def test_what_a_master_would_refuse_is_refused_here_and_leaves_nothing(
    shelf: Shelf, maker: ReleaseMaker, make: Make, template: str
) -> None:
    assert refusal(shelf, make(maker), maker) == template


def test_an_older_release_and_the_same_are_refused(shelf: Shelf, maker: ReleaseMaker) -> None:
    older, good = maker.older(41), maker.good(42)
    shelf.add(good, NOW, root=maker.root)
    assert refusal(shelf, older, maker) == shelves.NEWER_IS_HERE
    assert refusal(shelf, good, maker) == shelves.HELD_ALREADY
    shelf.remove(42)
    assert refusal(shelf, older, maker) == errors.OLDER_METADATA
    assert shelf.add(good, NOW).number == 42


def test_it_must_be_known_whose_releases_are_taken(shelf: Shelf, maker: ReleaseMaker, tmp_path: Path) -> None:
    good = maker.good(42)
    assert not shelf.has_root
    with pytest.raises(FirmwareError) as refused:
        shelf.add(good, NOW)
    assert refused.value.text.template == shelves.NO_ROOT_HERE
    with pytest.raises(FirmwareError) as refused:
        shelf.add(good, NOW, root=good)
    assert refused.value.text.template == shelves.BAD_ROOT
    package = Shelf(tmp_path / "state", maker.root)
    assert package.has_root
    package.add(good, NOW)
    other = ReleaseMaker(tmp_path / "others")
    with pytest.raises(FirmwareError) as refused:
        shelf.add(other.good(43), NOW, root=other.root)
    assert refused.value.text.template == shelves.OTHER_ROOT


def test_a_release_for_several_machines_is_checked_for_each(shelf: Shelf, maker: ReleaseMaker) -> None:
    image = maker.image(42)
    assert shelf.add(image, NOW, root=maker.root).platforms == (
        str(Platform("3.11", this_platform().architecture, Kind.RAUC)),
    )


def test_what_was_broken_off_is_cleared_away_and_what_is_damaged_is_left_out(
    shelf: Shelf, maker: ReleaseMaker
) -> None:
    left = shelf.folder / ".taking-left"
    left.mkdir(parents=True)
    shelf.add(maker.good(42), NOW, root=maker.root)
    assert not left.exists()
    (shelf.folder / "0041").mkdir()
    (shelf.folder / "0041" / "held.json").write_text("{")
    assert [one.number for one in shelf.releases()] == [42]


def test_only_files_of_releases_are_given(shelf: Shelf, maker: ReleaseMaker) -> None:
    first = shelf.add(maker.good(42), NOW, root=maker.root)
    shelf.add(maker.good(43), NOW, groups=["pilot"])
    assert shelf.file(first, "metadata", "timestamp.json") == shelf.folder / "0042/metadata/timestamp.json"
    assert shelf.file(None, "metadata", "timestamp.json") is None
    target = next((shelf.folder / "0043" / "targets").iterdir())
    assert shelf.file(first, "targets", target.name) == target
    for kind, name in (
        ("metadata", "../held.json"),
        ("metadata", "held.json"),
        ("targets", "../../trust"),
        ("metadata", target.name),
        ("", "held.json"),
    ):
        assert shelf.file(first, kind, name) is None


def held(number: int, groups: set[str] | None = None, days: int = 100) -> Held:
    return Held(
        number=number,
        version="1",
        made=NOW,
        added=NOW,
        expires=NOW + timedelta(days=days),
        platforms=(),
        size=1,
        groups=None if groups is None else frozenset(groups),
    )


@pytest.mark.parametrize(
    ("groups", "running", "number"),
    [
        (set(), 0, 42),
        (set(), 41, 42),
        (set(), 42, 42),
        ({"pilot"}, 41, 43),
        ({"others"}, 41, 42),
        (set(), 43, 43),
        (set(), 44, None),
    ],
)
def test_a_master_is_offered_the_newest_for_its_groups_and_never_an_older_one(
    groups: set[str], running: int, number: int | None
) -> None:
    releases = (held(45, {"pilot"}, days=0), held(43, {"pilot", "more"}), held(42), held(41))
    found = offered(releases, groups, running, NOW)
    assert (found and found.number) == number


def test_what_is_no_number_of_a_release_counts_as_none() -> None:
    assert [number_of(text) for text in ("0042", "", "x", "-1", "9" * 40)] == [42, 0, 0, 0, 0]


def test_releases_are_looked_after_by_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "none.toml"
    config.touch()
    monkeypatch.setenv("MBUSHEADEND_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("MBUSHEADEND_CONFIG", str(config))
    maker = ReleaseMaker(tmp_path / "made", now=datetime.now(UTC).replace(microsecond=0))

    def said(*arguments: str) -> str:
        assert cli.main(["firmware", *arguments]) == 0
        return capsys.readouterr().out

    assert said("list") == "There are no releases here.\n"
    assert "good" in said("add", "--root", str(maker.root), "--group", "pilot", str(maker.good(42)))
    assert "to masters of pilot" in said("list")
    assert "to all masters" in said("offer", "0042", "--all")
    (one,) = json.loads(said("list", "--json"))
    assert (one["release"], one["groups"], one["masters"]) == ("0042", None, 0)
    assert cli.main(["firmware", "add", str(maker.altered_file(43))]) == 1
    assert "not what was signed" in capsys.readouterr().err
    assert "offered no more" in said("remove", "42")
    assert cli.main(["firmware", "remove", "42"]) == 1
    assert "no release 0042" in capsys.readouterr().err
