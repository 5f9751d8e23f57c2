"""What the commands take."""

import argparse
import importlib
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from mbusheadend.archive.months import Month
from mbusheadend.roles import ROLES
from mbusheadend.settings import Settings

Subparsers = Any
"""What `argparse.ArgumentParser.add_subparsers` gives, which has no public name."""
Work = Callable[[Settings, argparse.Namespace], Coroutine[Any, Any, None]]

EXPORT_EXAMPLES: Final = """\
examples:
  mbusheadend export --since 2026-01-01 --output readings.csv
  mbusheadend export --group heating --register energy --wide --mark --output energy.csv
  mbusheadend export --form parquet --master M1 --output m1.parquet
  mbusheadend export --consumption month --zone Europe/Berlin --output months.csv

Times without a zone are UTC. A register is named as in the file, or by its quantity (energy, volume, ...).
"""
KEYS_EXAMPLES: Final = """\
examples:
  mbusheadend keys import keys.csv

The file has a column `key` of 32 hex digits, and `secondary_address` or `identification` (with `manufacturer` where that is not
enough). Delete it afterwards.
"""


BACKUP_EXAMPLES: Final = """\
examples:
  mbusheadend backup /srv/backups
  mbusheadend backup --passphrase /srv/backups/headend.tar.gz
  mbusheadend restore --state /var/lib/mbusheadend /srv/backups/headend.tar.gz

Without a passphrase the file has the key of the authority in the clear: keep it as you keep keys.
"""
MOVE_EXAMPLES: Final = """\
examples:
  mbusheadend move-store --store postgresql://mbus@db1.example.org/mbus

Then set `store` in the settings file to the same, and start the head-end.
"""
USER_EXAMPLES: Final = """\
examples:
  mbusheadend user add anna --role admin
  mbusheadend user add fritz --role reader < password.txt

The password is asked for, or is the first line of standard input; a running head-end knows the user at once.
"""
FIRMWARE_EXAMPLES: Final = """\
examples:
  mbusheadend firmware add --root 1.root.json MBMC2022_release_0042.tar
  mbusheadend firmware add --group pilot MBMC2022_release_0043.tar
  mbusheadend firmware offer 0043 --all

The root is needed once: it says whose releases are taken. Masters ask once a day.
"""
ARCHIVE_EXAMPLES: Final = """\
examples:
  mbusheadend archive write
  mbusheadend archive verify --month 2026-07
  mbusheadend archive restore --month 2026-07
  spark-submit $(mbusheadend archive job) /srv/archive /srv/archive-new

The settings say where the archive is: [archive] with place = "/srv/archive" or "s3://bucket/prefix".
"""
AUTHORITY_EXAMPLES: Final = """\
examples:
  mbusheadend authority export keys.sealed                  on the first machine
  mbusheadend authority import keys.sealed                  on each other one, before its first start
"""
TENANT_EXAMPLES: Final = """\
examples:
  mbusheadend tenant add stadtwerke
  mbusheadend user add anna --role admin --tenant stadtwerke
  mbusheadend token --tenant stadtwerke
  mbusheadend tenant quota stadtwerke --masters 200 --readings-per-day 500000
"""
PASSPHRASE_VARIABLE: Final = "MBUSHEADEND_PASSPHRASE"  # noqa: S105 - its name


def add_parsers(commands: Subparsers) -> Iterator[argparse.ArgumentParser]:
    """Add the commands; give the parsers that take settings and state folder."""
    yield _export(commands)
    yield from _meters(commands)
    yield from _keys(commands)
    yield from _backup(commands)
    yield from _authority(commands)
    yield from _archive(commands)
    yield _time(commands)
    yield from _firmware(commands)
    yield from _users(commands)
    yield from _tenants(commands)


def _command(parent: Subparsers, name: str, module: str, help: str, **texts: str) -> argparse.ArgumentParser:
    """Add a command that a module of this package does."""
    parser: argparse.ArgumentParser = parent.add_parser(
        name,
        help=help,
        description=texts.get("description", f"{help[0].upper()}{help[1:]}."),
        epilog=texts.get("epilog"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )

    def work(settings: Settings, options: argparse.Namespace) -> Coroutine[Any, Any, None]:
        run: Work = importlib.import_module(f"mbusheadend.administration.{module}").run
        return run(settings, options)

    parser.set_defaults(work=work)
    return parser


def _group(commands: Subparsers, name: str, help: str) -> Subparsers:
    return commands.add_parser(name, help=help).add_subparsers(dest="action", required=True, metavar="ACTION")


def _export(commands: Subparsers) -> argparse.ArgumentParser:
    parser = _command(
        commands,
        "export",
        "exporting",
        "write readings or consumption into a file",
        description="Write readings or consumption into a file, also while the head-end serves.",
        epilog=EXPORT_EXAMPLES,
    )
    for name, metavar, what in (
        (
            "meter",
            "METER",
            "only this meter: 16 digits, the 8 printed on it, or its name; also more than once",
        ),
        ("group", "GROUP", "only meters of this group; also more than once"),
        ("master", "SERIAL", "only meters that are at this master now; also more than once"),
        ("register", "NAME", "only this register; also more than once"),
    ):
        parser.add_argument(f"--{name}", action="append", default=[], metavar=metavar, help=what)
    parser.add_argument("--since", type=_moment, metavar="TIME", help="taken from then on (default: all)")
    parser.add_argument("--until", type=_moment, metavar="TIME", help="taken before then (default: now)")
    parser.add_argument("--form", choices=("csv", "json", "parquet"), default="csv", help="default: csv")
    parser.add_argument("--wide", action="store_true", help="one row per reading, one column per register")
    parser.add_argument(
        "--mark", action="store_true", help="begin CSV with a byte order mark, for spreadsheets"
    )
    parser.add_argument(
        "--consumption",
        choices=("day", "week", "month", "year"),
        help="what was used in each of them; by default of the last year",
    )
    parser.add_argument("--zone", default="UTC", metavar="ZONE", help="of the days (default: UTC)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: standard output")
    return parser


def _meters(commands: Subparsers) -> Iterator[argparse.ArgumentParser]:
    actions = _group(commands, "meters", "list of meters: export, import")
    export = _command(actions, "export", "meters", "write the list of meters as CSV")
    export.add_argument("--master", metavar="SERIAL", help="only those that are at this master")
    export.add_argument("--output", type=Path, metavar="FILE", help="default: standard output")
    yield export
    take = _command(actions, "import", "meters", "take in a list of meters, as masters export it")
    take.add_argument("file", type=Path, metavar="FILE")
    take.add_argument("--master", required=True, metavar="SERIAL", help="at which these meters are")
    yield take


def _keys(commands: Subparsers) -> Iterator[argparse.ArgumentParser]:
    actions = _group(commands, "keys", "keys of encrypted meters: import")
    take = _command(
        actions,
        "import",
        "keys",
        "store keys of encrypted meters",
        description="Store keys of encrypted meters, and decode again what these meters sent; a running head-end "
        "knows them at once.",
        epilog=KEYS_EXAMPLES,
    )
    take.add_argument("file", type=Path, metavar="FILE")
    yield take


def _authority(commands: Subparsers) -> Iterator[argparse.ArgumentParser]:
    actions = _group(commands, "authority", "keys that every process of a head-end needs: export, import")
    export = _command(
        actions,
        "export",
        "authority",
        "write the authority and the key file of meters into one file, under a passphrase",
        description="Write the authority and the key file of meters into one file. A passphrase protects it: it is asked "
        f"for, or taken from ${PASSPHRASE_VARIABLE}.",
        epilog=AUTHORITY_EXAMPLES,
    )
    take = _command(
        actions,
        "import",
        "authority",
        "put them into the state folder of one more process, before its first start",
    )
    for one in (export, take):
        one.add_argument("file", type=Path, metavar="FILE")
        yield one


def _backup(commands: Subparsers) -> Iterator[argparse.ArgumentParser]:
    make = _command(
        commands,
        "backup",
        "backup",
        "copy all that the head-end has into one file",
        description="Copy store, users, settings and authority into one file, also while the head-end serves.",
        epilog=BACKUP_EXAMPLES,
    )
    make.add_argument("target", type=Path, metavar="DIR|FILE.tar", help=".tar.gz is compressed")
    make.add_argument(
        "--passphrase",
        action="store_true",
        help=f"ask for one, or take that in ${PASSPHRASE_VARIABLE}: it protects the authority's key and the keys of "
        "meters, which come along only so",
    )
    yield make
    bring_back = _command(
        commands,
        "restore",
        "restore",
        "bring a backup back into an empty state folder",
        description="Check a backup and bring it back into an empty state folder.",
    )
    bring_back.add_argument("file", type=Path, metavar="FILE")
    yield bring_back
    move = _command(
        commands,
        "move-store",
        "move_store",
        "bring a store of one file over to PostgreSQL",
        description="Copy all that the store of a stopped head-end has to PostgreSQL (--store), and compare each row. "
        "Broken off, it goes on where it was when it is begun again.",
        epilog=MOVE_EXAMPLES,
    )
    move.add_argument(
        "--source", type=Path, metavar="DIR|FILE", help="state folder or file (default: the state folder)"
    )
    yield move


def _time(commands: Subparsers) -> argparse.ArgumentParser:
    parser = _command(
        commands,
        "time-config",
        "timing",
        "write what chrony needs to be the time server of the masters",
        description="Write a file for /etc/chrony/conf.d, with which this machine is the NTS server of the masters.",
    )
    parser.add_argument(
        "--name",
        action="append",
        required=True,
        metavar="HOST",
        help="by which masters call; also more than once",
    )
    parser.add_argument(
        "--cert", type=Path, required=True, metavar="FILE", help="certificate for these names, PEM"
    )
    parser.add_argument(
        "--key", type=Path, required=True, metavar="FILE", help="its key; chrony's user must read it"
    )
    parser.add_argument(
        "--upstream",
        action="append",
        default=[],
        metavar="HOST",
        help="NTS server from which this machine takes the time; also more than once",
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: standard output")
    return parser


def _firmware(commands: Subparsers) -> Iterator[argparse.ArgumentParser]:
    actions = _group(commands, "firmware", "releases that masters are offered: add, list, offer, remove")
    listing = _command(actions, "list", "firmware", "list the releases, and how many masters run each")
    listing.add_argument("--json", action="store_true", help="as one line of JSON")
    add = _command(
        actions,
        "add",
        "firmware",
        "check a release file and offer it",
        description="Check a release file as a master does, and offer it; a running head-end knows it at once.",
        epilog=FIRMWARE_EXAMPLES,
    )
    add.add_argument("file", type=Path, metavar="FILE.tar")
    add.add_argument(
        "--root", type=Path, metavar="FILE", help="first root of those who make releases; needed once"
    )
    add.add_argument(
        "--group",
        action="append",
        metavar="GROUP",
        help="only to masters of this group; also more than once (default: to all)",
    )
    offer = _command(actions, "offer", "firmware", "change who is offered a release")
    chosen = offer.add_mutually_exclusive_group(required=True)
    chosen.add_argument("--all", action="store_true", help="all masters")
    chosen.add_argument(
        "--group", action="append", metavar="GROUP", help="masters of this group; also more than once"
    )
    remove = _command(actions, "remove", "firmware", "offer a release no more, and delete it")
    for one in (offer, remove):
        one.add_argument("number", type=_release, metavar="NUMBER", help="of the release")
    yield from (listing, add, offer, remove)


def _archive(commands: Subparsers) -> Iterator[argparse.ArgumentParser]:
    actions = _group(commands, "archive", "months as Parquet: write, list, verify, restore, redecode, job")
    write = _command(
        actions,
        "write",
        "archive",
        "write the months that are due, and add what came late",
        description="Write the months that are due, and add what came late to those that are there, also while the head-end "
        "serves. Broken off, it goes on where it is called again.",
        epilog=ARCHIVE_EXAMPLES,
    )
    listing = _command(actions, "list", "archive", "list the months that are there")
    listing.add_argument("--json", action="store_true", help="their manifests, as one line of JSON")
    verify = _command(
        actions, "verify", "archive", "read all files, and compare them with their manifests and the store"
    )
    restore = _command(actions, "restore", "archive", "put months back into the store, each reading once")
    redecode = _command(
        actions, "redecode", "archive", "decode the raw telegrams of an archive again, into a new archive"
    )
    redecode.add_argument(
        "target", metavar="PLACE", help="the new one: a folder (whole path), or s3://bucket/prefix"
    )
    redecode.add_argument(
        "--keys",
        type=Path,
        metavar="FILE",
        help="CSV with keys of encrypted meters; without it their values stay",
    )
    job = _command(
        actions, "job", "archive", "say where the program is that decodes an archive again with Spark"
    )
    for one, what in (
        (write, "this month, whenever it is due; to one that is there what it lacks"),
        (verify, "only this month"),
        (restore, "this month"),
        (redecode, "only this month"),
    ):
        one.add_argument(
            "--month",
            type=_month,
            action="append",
            default=[],
            required=one is restore,
            metavar="YYYY-MM",
            help=f"{what}; also more than once",
        )
    for one in (write, listing, verify, restore, redecode, job):
        one.add_argument(
            "--place", metavar="PLACE", help="another folder or s3://bucket/prefix than the settings say"
        )
    yield from (write, listing, verify, restore, redecode, job)


def _month(text: str) -> Month:
    try:
        return Month.from_text(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _release(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text[:7]) <= 999_999:
        raise argparse.ArgumentTypeError(f"a release has a number such as 0042, not {text!r}")
    return int(text)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"a time is like 2026-11-23 or 2026-11-23T04:05:06+01:00, not {text!r}"
        ) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _tenants(commands: Subparsers) -> Iterator[argparse.ArgumentParser]:
    tenants = _group(commands, "tenant", "customers of this head-end that never see each other")
    listing = _command(tenants, "list", "tenants", "list the tenants, and what they have")
    listing.add_argument("--json", action="store_true", help="as one line of JSON")
    add = _command(tenants, "add", "tenants", "add a tenant", epilog=TENANT_EXAMPLES)
    rename = _command(tenants, "rename", "tenants", "give a tenant another name")
    quota = _command(tenants, "quota", "tenants", "say how much a tenant may have")
    for name in ("masters", "meters", "readings-per-day", "users"):
        quota.add_argument(f"--{name}", type=_count, metavar="N", help="at most; 0 for any number")
    delete = _command(tenants, "delete", "tenants", "delete a tenant with all that it has; asks twice")
    delete.add_argument("--sure", metavar="NAME", help="the name again, where nobody can be asked")
    for one in (add, rename, quota, delete):
        one.add_argument("name", metavar="NAME", help="of the tenant")
    rename.add_argument("new", metavar="NEW", help="its new name")
    yield from (listing, add, rename, quota, delete)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) > 1_000_000_000:
        raise argparse.ArgumentTypeError(f"a number, not {text!r}")
    return int(text)


def _users(commands: Subparsers) -> Iterator[argparse.ArgumentParser]:
    users = _group(commands, "user", "who may log in to the pages")
    listing = _command(users, "list", "users", "list the users")
    listing.add_argument("--json", action="store_true", help="as one line of JSON")
    add = _command(users, "add", "users", "add a user", epilog=USER_EXAMPLES)
    add.add_argument(
        "--role", choices=ROLES, help="what the user may; the first one is an admin (default: reader)"
    )
    role = _command(users, "role", "users", "give a user another role")
    password = _command(users, "password", "users", "give a user a new password")
    delete = _command(users, "delete", "users", "delete a user")
    for one in (add, role, password, delete):
        one.add_argument("name", metavar="NAME", help="of the user")
    role.add_argument("role", choices=ROLES, help="what the user may")
    yield from (listing, add, role, password, delete)
