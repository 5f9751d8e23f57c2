"""Releases for tests: good ones, and the ones that somebody evil or clumsy would hand in.

The wheels are made by hand and tiny; `mbusmaster` in them prints its release and ends.
"""

import hashlib
import json
import shutil
import tarfile
import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

from securesystemslib.signer import CryptoSigner

from mbusreleases.archive import MB, pack
from mbusreleases.description import DESCRIPTION, Description, Kind, Platform, file_name, this_platform
from mbusreleases.keys import ROOTS
from mbusreleases.repository import FILE_VALID, ReleaseRepository, Signers

NOW = datetime(2026, 11, 22, 9, 8, 7, tzinfo=UTC)
GOOD_MAIN = "import sys\nprint('release {number}')\n"
CRASHING_MAIN = "raise SystemExit('this release cannot start')\n"


def wheel(folder: Path, name: str, version: str, files: Mapping[str, str]) -> Path:
    """Make a wheel by hand (PyPA binary distribution format)."""
    info = f"{name}-{version}.dist-info"
    contents = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [f"{path},{_digest(text.encode())},{len(text.encode())}" for path, text in contents.items()]
    contents[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""])
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in contents.items():
            archive.writestr(member, text)
    return path


def _digest(content: bytes) -> str:
    return "sha256=" + urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


class ReleaseMaker:
    """Makes release files, each method one of a kind; all are signed with the same keys and checked with `root`.

    :param folder: everything is made below it.
    :ivar root: the first root, as a package carries it.
    :ivar server: folder that an update server would serve: what was offered last.
    """

    def __init__(self, folder: Path, *, now: datetime = NOW, platform: Platform | None = None) -> None:
        self._folder = folder
        self._platform = platform or this_platform()
        self.now = now
        self.server = folder / "server"
        self.root = folder / "release-root.json"
        self.roots = self._keys(len(ROOTS))
        (self.targets,) = self._keys(1)
        self.file_keys = self._keys(2)
        self.online_keys = self._keys(2)
        self.repository = self._begin(self.server)
        self.root.write_bytes(self.repository.root(1))

    # Files that are good.

    def good(self, number: int = 42, *, main: str = GOOD_MAIN, valid: timedelta = FILE_VALID) -> Path:
        """Make a release; it is what the server offers from then on."""
        description = self.description(number)
        self.repository.offer({description: self.target(description, main)}, self.targets)
        self.repository.refresh(self.online)
        return self.repository.release_file(self._fresh_folder(), self.offline, valid)

    def older(self, number: int = 41) -> Path:
        """Make a release with old metadata: keep it, and make a newer one."""
        return self.good(number)

    def crashes_at_start(self, number: int = 43) -> Path:
        """Make a release that is signed and installs, and cannot start."""
        return self.good(number, main=CRASHING_MAIN)

    def rotated(self, number: int = 44) -> Path:
        """Make a release after all keys were replaced, the root's signed by old and new ones."""
        old, gone = self.roots, self._all_ids()
        self.roots = self._keys(len(ROOTS))
        (self.targets,), self.file_keys, self.online_keys = self._keys(1), self._keys(2), self._keys(2)
        self.repository.rotate(gone, self._all_keys(), [*old[:2], *self.roots[:2]])
        return self.good(number)

    def image(self, number: int = 42, content: bytes = b"an image") -> Path:
        """Make a release that is an image for RAUC."""
        path = self._fresh_folder() / "image.raucb"
        path.write_bytes(content)
        self.repository.offer({self.description(number, Kind.RAUC): path}, self.targets)
        self.repository.refresh(self.online)
        return self.repository.release_file(self._fresh_folder(), self.offline)

    # Files that are not.

    def altered_file(self, number: int = 42) -> Path:
        """Make a release in which one byte of the target was changed."""
        return self._changed(
            self.good(number), "targets/", lambda content: content[:600] + b"!" + content[601:]
        )

    def altered_metadata(self, number: int = 42) -> Path:
        """Make a release whose metadata says another version than was signed."""
        return self._changed(
            self.good(number), ".targets.json", lambda content: content.replace(b"0.2.", b"6.6.")
        )

    def altered_timestamp(self, number: int = 42) -> Path:
        """Make a release whose timestamp was changed, which no other metadata vouches for."""
        return self._changed(
            self.good(number),
            "timestamp.json",
            lambda content: content.replace(b'"version":', b'"version":9'),
        )

    def wrong_signature(self, number: int = 42) -> Path:
        """Make a release with keys of a stranger."""
        return ReleaseMaker(self._fresh_folder(), now=self.now, platform=self._platform).good(number)

    def wrong_root(self, number: int = 42) -> Path:
        """Make a release whose second root was signed by new keys only."""
        stolen = self._fresh_folder() / "repository"
        shutil.copytree(self.server, stolen)
        repository = ReleaseRepository(stolen, self.now)
        evil = ReleaseMaker(self._fresh_folder(), now=self.now, platform=self._platform)
        repository.rotate(self._all_ids(), evil._all_keys(), evil.roots[:2])
        description = self.description(number)
        repository.offer({description: self.target(description, GOOD_MAIN)}, evil.targets)
        return repository.release_file(self._fresh_folder(), evil.offline)

    def expired(self, number: int = 42) -> Path:
        """Make a release whose signatures are valid until yesterday."""
        return self.good(number, valid=-timedelta(days=1))

    def wrong_name(self, number: int = 42, called: int = 99) -> Path:
        """Make a release and name it after another number."""
        path = self.good(number)
        return path.rename(path.with_name(file_name(called)))

    def wrong_platform(self, number: int = 42) -> Path:
        """Make a release for another architecture."""
        here, self._platform = self._platform, Platform(self._platform.python, "riscv64")
        try:
            return self.good(number)
        finally:
            self._platform = here

    def contradiction(self, number: int = 42) -> Path:
        """Make a release that was signed as another one than it is."""
        description = self.description(number)
        target = self.target(self.description(number - 1), GOOD_MAIN)
        self.repository.offer({description: target}, self.targets)
        return self.repository.release_file(self._fresh_folder(), self.offline)

    def cut_off(self, number: int = 42) -> Path:
        """Make a release of which only the first half was received."""
        path = self.good(number)
        with open(path, "r+b") as file:
            file.truncate(path.stat().st_size // 2)
        return path

    def not_a_tar(self, number: int = 42) -> Path:
        """Make a file that only has the name of a release."""
        path = self._fresh_folder() / file_name(number)
        path.write_bytes(b"<html>404</html>" * 100)
        return path

    def dotdot(self, number: int = 42) -> Path:
        """Make a tar with a file that would land elsewhere."""
        return self._with(number, _header("../../evil"))

    def absolute(self, number: int = 42) -> Path:
        """Make a tar with an absolute name."""
        return self._with(number, _header("/tmp/evil"))

    def links(self, number: int = 42) -> Path:
        """Make a tar with a symbolic link out of its folder."""
        return self._with(number, _header("metadata/evil", tarfile.SYMTYPE, link="/etc"))

    def hard_link(self, number: int = 42) -> Path:
        """Make a tar with a second name for a file outside."""
        return self._with(number, _header("metadata/evil", tarfile.LNKTYPE, link="/etc/passwd"))

    def device(self, number: int = 42) -> Path:
        """Make a tar with a device."""
        return self._with(number, _header("metadata/evil", tarfile.CHRTYPE))

    def sparse(self, number: int = 42) -> Path:
        """Make a tar with a file of 8 GB in a few bytes."""
        return self._with(number, _header("metadata/evil", tarfile.GNUTYPE_SPARSE))

    def twice(self, number: int = 42) -> Path:
        """Make a tar that holds a name twice: whoever looks first sees another file than who looks last."""
        return self._with(number, _header("metadata/timestamp.json"))

    def bomb(self, number: int = 42) -> Path:
        """Make a tar of very many empty files."""
        path = self._fresh_folder() / file_name(number)
        with open(path, "wb") as file:
            pack(file, ((f"metadata/{index}", b"") for index in range(20_000)))
        return path

    def huge_header(self, number: int = 42) -> Path:
        """Make a tar whose extended header says that it is as big as the memory."""
        return self._with(number, _header("pax", tarfile.XHDTYPE, size=2048 * MB))

    def huge(self, number: int = 42) -> Path:
        """Make a tar with a file of 2 GB: of holes, so it takes no room here."""
        path = self._fresh_folder() / file_name(number)
        with open(path, "wb") as file:
            file.write(_header("targets/huge", size=2048 * MB))
            file.truncate(2048 * MB + 4096)
        return path

    # Parts.

    @property
    def online(self) -> Signers:
        """The keys of the server."""
        return Signers(snapshot=self.online_keys[0], timestamp=self.online_keys[1])

    @property
    def offline(self) -> Signers:
        """The keys for release files."""
        return Signers(self.roots[:2], self.targets, self.file_keys[0], self.file_keys[1])

    def description(self, number: int, kind: Kind = Kind.SLOTS) -> Description:
        """Describe a release of this machine's platform."""
        return Description(
            number, f"0.2.{number}", self.now, self._platform.python, self._platform.architecture, kind
        )

    def target(self, description: Description, main: str, *, broken: bool = False) -> Path:
        """Make the tar of wheels.

        :param broken: one of them is no wheel.
        """
        folder = self._fresh_folder()
        files = {
            "mbusmaster/__init__.py": "",
            "mbusmaster/__main__.py": main.format(number=description.release),
        }
        members: list[tuple[str, Path | bytes]] = [(DESCRIPTION, json.dumps(description.to_json()).encode())]
        wheels = [
            wheel(folder, "mbusmaster", description.version, files),
            wheel(folder, "tinydep", "1.0", {"tinydep.py": "VALUE = 1\n"}),
        ]
        members += [(f"wheels/{path.name}", b"no zip" if broken else path) for path in wheels]
        path = folder / description.target
        with open(path, "wb") as file:
            pack(file, members)
        return path

    def _begin(self, folder: Path) -> ReleaseRepository:
        repository = ReleaseRepository(folder, self.now)
        repository.begin(self._all_keys(), self.offline)
        return repository

    def _all_keys(self) -> dict[str, list[CryptoSigner]]:
        return {
            "root": self.roots,
            "targets": [self.targets],
            "snapshot": [self.file_keys[0], self.online_keys[0]],
            "timestamp": [self.file_keys[1], self.online_keys[1]],
        }

    def _all_ids(self) -> list[str]:
        return [key.public_key.keyid for keys in self._all_keys().values() for key in keys]

    def _keys(self, count: int) -> list[CryptoSigner]:
        return [CryptoSigner.generate_ed25519() for _ in range(count)]

    def _fresh_folder(self) -> Path:
        folder = self._folder / "made" / str(len(list(self._folder.glob("made/*"))))
        folder.mkdir(parents=True)
        return folder

    def _with(self, number: int, header: bytes) -> Path:
        """Put a member without contents before all others of a good release."""
        path = self.good(number)
        path.write_bytes(header + path.read_bytes())
        return path

    def _changed(self, path: Path, where: str, change: Callable[[bytes], bytes]) -> Path:
        with tarfile.open(path) as tar:
            members: list[tuple[str, Path | bytes]] = []
            for member in tar:
                source = tar.extractfile(member)
                assert source is not None
                content = source.read()
                if where in member.name:
                    changed = change(content)
                    assert changed != content
                    content = changed
                members.append((member.name, content))
        packed = BytesIO()
        pack(packed, members)
        path.write_bytes(packed.getvalue())
        return path


def _header(name: str, kind: bytes = tarfile.REGTYPE, *, link: str = "", size: int = 0) -> bytes:
    header = tarfile.TarInfo(name)
    header.type, header.linkname, header.size = kind, link, size
    return header.tobuf(tarfile.USTAR_FORMAT)
