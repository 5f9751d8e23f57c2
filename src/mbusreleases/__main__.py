"""The command of those who make releases: ``python -m mbusreleases``."""

import argparse
import getpass
import os
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mbusreleases.description import HIGHEST_NUMBER, Description, Kind, Platform, this_platform
from mbusreleases.errors import MakingError, ReleasesError
from mbusreleases.making import (
    ROLES,
    KeyFolder,
    check,
    make_keys,
    make_release,
    read_target,
    refresh,
    replace_keys,
    summary,
)
from mbusreleases.repository import ReleaseRepository
from mbusreleases.wheels import build_target

OFFLINE_PASSPHRASE: Final = "MBUSMASTER_RELEASE_PASSPHRASE"  # noqa: S105 - the name of a variable
ONLINE_PASSPHRASE: Final = "MBUSMASTER_ONLINE_PASSPHRASE"  # noqa: S105 - the name of a variable
_SHORTEST: Final = 12


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options, datetime.now(UTC).replace(microsecond=0))
    except (ReleasesError, OSError) as error:
        print(f"releases: {error}", file=sys.stderr)
        return 1
    return 0


def _keys(options: argparse.Namespace, now: datetime) -> None:
    keys = _key_folder(options, new=True)
    make_keys(keys, ReleaseRepository(options.repository, now))
    print(
        f"{len(ROLES)} keys are in {options.keys}, and the root in {options.repository / 'metadata' / '1.root.json'}"
    )


def _build(options: argparse.Namespace, now: datetime) -> None:
    with tempfile.TemporaryDirectory() as work:
        description, path = build_target(options.project, options.number, now, options.python, Path(work))
        options.out.mkdir(parents=True, exist_ok=True)
        made = options.out / path.name
        made.write_bytes(path.read_bytes())
    print(f"{made}: {summary({description: made.stat().st_size})}")


def _release(options: argparse.Namespace, now: datetime) -> None:
    keys = _key_folder(options)
    with tempfile.TemporaryDirectory() as work:
        targets = [read_target(path) for path in options.target]
        if options.image:
            platform = Platform(this_platform().python, options.architecture, Kind.RAUC)
            version = options.image_version
            description = Description(
                options.number, version, now, platform.python, platform.architecture, Kind.RAUC
            )
            targets.append((description, options.image))
        if not targets:
            targets.append(build_target(options.project, options.number, now, options.python, Path(work)))
        if any(one.release != options.number for one, _ in targets):
            raise MakingError(f"not all targets are of release {options.number}")
        path = make_release(keys, ReleaseRepository(options.repository, now), targets, options.out, now)
        print(f"{path}: {summary({one: file.stat().st_size for one, file in targets})}")


def _refresh(options: argparse.Namespace, now: datetime) -> None:
    keys = KeyFolder(options.keys, None, _from_environment(ONLINE_PASSPHRASE))
    refresh(keys, ReleaseRepository(options.repository, now))
    print(f"{options.repository} is signed anew")


def _rotate(options: argparse.Namespace, now: datetime) -> None:
    replace_keys(_key_folder(options), ReleaseRepository(options.repository, now), options.key, now)
    print(
        f"replaced: {', '.join(options.key) or 'nothing, the root is renewed'}; publish {options.repository} now"
    )


def _check(options: argparse.Namespace, now: datetime) -> None:
    platform = Platform(options.python_version, options.architecture)
    release = check(options.file, options.root.read_bytes(), platform, now)
    print(f"release {release.number}, version {release.version}, for {release.description.platform}: good")


def _key_folder(options: argparse.Namespace, *, new: bool = False) -> KeyFolder:
    passphrase = _from_environment(OFFLINE_PASSPHRASE)
    if passphrase is None:
        passphrase = getpass.getpass("Passphrase of the offline keys: ").encode()
        if new and getpass.getpass("Again: ").encode() != passphrase:
            raise ReleasesError("these were two different passphrases")
    if new and len(passphrase) < _SHORTEST:
        raise ReleasesError(f"a passphrase has at least {_SHORTEST} characters")
    return KeyFolder(options.keys, passphrase, _from_environment(ONLINE_PASSPHRASE))


def _from_environment(name: str) -> bytes | None:
    value = os.environ.get(name)
    return value.encode() if value else None


def _key(text: str) -> str:
    if text not in ROLES:
        raise argparse.ArgumentTypeError(f"there is no key {text}; it is one of {', '.join(ROLES)}")
    return text


def _number(text: str) -> int:
    number = int(text)
    if not 0 < number <= HIGHEST_NUMBER:
        raise ValueError
    return number


def _parser() -> argparse.ArgumentParser:
    here = this_platform()
    parser = argparse.ArgumentParser(prog="python -m mbusreleases", description="Makes and signs releases.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    keys = commands.add_parser("keys", help="make all keys, and a repository that trusts them")
    build = commands.add_parser("build", help="build the target of a release for this machine, unsigned")
    release = commands.add_parser("release", help="sign a release, and write its file")
    fresh = commands.add_parser("refresh", help="at the update server: sign snapshot and timestamp anew")
    rotate = commands.add_parser("rotate", help="replace keys, or renew the root")
    checked = commands.add_parser("check", help="check a release file as a device does")
    for command, run in (
        (keys, _keys),
        (build, _build),
        (release, _release),
        (fresh, _refresh),
        (rotate, _rotate),
        (checked, _check),
    ):
        command.set_defaults(run=run)
    for command in (keys, release, fresh, rotate):
        command.add_argument("--keys", type=Path, required=True, help="folder with offline/ and online/")
        command.add_argument("--repository", type=Path, required=True, help="what the update server serves")
    for command in (build, release):
        command.add_argument(
            "--number", type=_number, required=True, help="of the release, higher than all before"
        )
        command.add_argument(
            "--out", type=Path, default=Path("dist"), help="folder for what is made (default dist)"
        )
        command.add_argument(
            "--python", type=Path, default=Path("/usr/bin/python3"), help="as on the devices"
        )
        command.add_argument("--project", type=Path, default=Path.cwd(), help="the checkout (default: here)")
    release.add_argument(
        "--target", type=Path, action="append", default=[], help="built elsewhere; any number"
    )
    release.add_argument("--image", type=Path, help="a bundle of RAUC")
    release.add_argument("--image-version", default="0", help="version of the software in the image")
    release.add_argument("--architecture", default=here.architecture, help="of the image")
    rotate.add_argument("key", nargs="*", type=_key, help=f"of {', '.join(ROLES)}; none: renew the root")
    checked.add_argument("file", type=Path)
    checked.add_argument("--root", type=Path, required=True, help="the root that the device has")
    checked.add_argument(
        "--python-version", default=here.python, help=f"of the device (default {here.python})"
    )
    checked.add_argument(
        "--architecture", default=here.architecture, help=f"of the device (default {here.architecture})"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
