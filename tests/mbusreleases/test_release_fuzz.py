"""Whatever bytes a release file holds, it is taken or refused in words: nothing else comes of it."""

import random
import shutil
from pathlib import Path

import pytest

from mbusreleases.description import this_platform
from mbusreleases.errors import ReleaseError
from mbusreleases.sources import from_folder
from mbusreleases.verify import open_bundle, verify
from support.releases import NOW, ReleaseMaker

ROUNDS = 60


def spoil(content: bytes, chance: random.Random) -> bytes:
    """Change, remove or double some bytes."""
    spoiled = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(spoiled))
        match chance.randrange(4):
            case 0:
                spoiled[at] = chance.randrange(256)
            case 1:
                del spoiled[at : at + chance.randint(1, 40)]
            case 2:
                spoiled[at:at] = spoiled[at : at + chance.randint(1, 40)]
            case _:
                spoiled[at : at + 1] = chance.choice(
                    [b"[" * 5000, b"null", b"-1", b"1e999", b'"', b"{}", b"\xff", b"0"]
                )
    return bytes(spoiled) or b"\0"


@pytest.fixture
def maker(tmp_path: Path) -> ReleaseMaker:
    return ReleaseMaker(tmp_path / "maker")


def check(maker: ReleaseMaker, opened: Path, name: str) -> None:
    into = opened / "into"
    into.mkdir()
    verify(
        from_folder(opened),
        opened / "store",
        root=maker.root,
        now=NOW,
        platform=this_platform(),
        installed=0,
        into=into,
        name=name,
    )


@pytest.mark.parametrize("seed", range(3))
def test_spoiled_metadata_is_refused_in_words(seed: int, maker: ReleaseMaker, tmp_path: Path) -> None:
    chance = random.Random(seed)
    refusals: list[str] = []
    maker.good(41)
    path = maker.rotated(42)
    good = tmp_path / "good"
    good.mkdir()
    open_bundle(path, good)
    for number in range(ROUNDS):
        opened = tmp_path / str(number)
        shutil.copytree(good, opened)
        file = chance.choice(sorted((opened / "metadata").iterdir()))
        file.write_bytes(spoil(file.read_bytes(), chance))
        try:
            check(maker, opened, path.name)
        except ReleaseError as refused:
            refusals.append(str(refused))
        shutil.rmtree(opened)
    assert refusals
    assert all(refusals)


@pytest.mark.parametrize("seed", range(3))
def test_a_spoiled_tar_is_refused_in_words(seed: int, maker: ReleaseMaker, tmp_path: Path) -> None:
    chance = random.Random(seed)
    refusals: list[str] = []
    path = maker.good(42)
    content = path.read_bytes()
    # Headers are what a tar is spoiled by most.
    headers = [at for at in range(0, len(content), 512) if content[at + 257 : at + 262] == b"ustar"]
    for number in range(ROUNDS):
        at = chance.choice(headers)
        spoiled = content[:at] + spoil(content[at : at + 512], chance) + content[at + 512 :]
        path.write_bytes(spoiled)
        opened = tmp_path / str(number)
        opened.mkdir()
        try:
            open_bundle(path, opened)
            check(maker, opened, path.name)
        except ReleaseError as refused:
            refusals.append(str(refused))
        shutil.rmtree(opened)
    assert refusals
    assert all(refusals)
