"""A small Debian for the device test: a disk, its kernel and an initial RAM disk, built from the machine's own apt sources.

Built once and kept under a name that says what went into it: ``$XDG_CACHE_HOME/mbusmaster/device-HASH/``. It takes a minute or
two and root; the machine that runs from it has no network to the outside and needs none: packages that ours depends on wait in
a pool of its own (`POOL`), for apt to choose from.
"""

import argparse
import gzip
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SUITE: Final = "bookworm"
HERE: Final = Path(__file__).resolve().parent
PROJECT: Final = HERE.parents[1]
PACKAGES: Final = (
    "systemd-sysv",
    "dbus",
    "udev",
    "kmod",
    "libpam-systemd",
    "linux-image-amd64",
    "busybox-static",
    "python3-venv",
    "tzdata",
    "network-manager",
    "iproute2",
    "curl",
    "ca-certificates",
    "procps",
)
"""What the device has before ours is installed; busybox is the PC's DHCP client, and finds the disk."""
POOL: Final = ("chrony", "dnsmasq-base", "nftables")
"""With what they need: apt takes them from the pool when our package asks for them."""
LEFT_OUT: Final = (
    "/usr/share/man/*",
    "/usr/share/doc/*",
    "/usr/share/locale/*",
    "/usr/share/info/*",
    *(
        f"/lib/modules/*/kernel/{part}/*"
        for part in (
            "sound",
            "drivers/gpu",
            "drivers/media",
            "drivers/infiniband",
            "drivers/scsi",
            "drivers/net/ethernet",
            "drivers/net/wireless",
            "drivers/staging",
            "drivers/isdn",
            "drivers/md",
            "drivers/mtd",
            "drivers/ata",
            "fs/xfs",
            "fs/btrfs",
            "fs/ocfs2",
            "fs/nfs",
            "fs/nfsd",
            "fs/smb",
            "fs/ceph",
            "fs/f2fs",
        )
    ),
)
"""Not unpacked: nobody reads them here, or such hardware is not in the machine."""
EARLY_MODULES: Final = ("virtio_pci", "virtio_blk", "crc32c_generic", "ext4")
SLOW_UNITS: Final = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
)
"""Would begin at some time or other, within a test."""
DISK_SIZE: Final = "4G"
TOOLS: Final = {
    "mmdebstrap": "mmdebstrap",
    "mke2fs": "e2fsprogs",
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
}
"""Programs that are needed, with their Debian packages."""


@dataclass(frozen=True, slots=True)
class Image:
    """Files that a machine starts from; never written to.

    :ivar seconds: that it took to build, 0 if it was there.
    """

    disk: Path
    kernel: Path
    ramdisk: Path
    seconds: float


def image(cache: Path | None = None) -> Image:
    """Give the image, built if it is not there yet."""
    folder = (cache or _cache()) / f"device-{_recipe()}"
    began = time.monotonic()
    built = not folder.is_dir()
    if built:
        need_tools()
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix="building-") as work:
            result = _build(Path(work))
            os.rename(result, folder)
    return Image(
        folder / "disk.raw", folder / "vmlinuz", folder / "initrd", time.monotonic() - began if built else 0.0
    )


def need_tools() -> None:
    """Install the programs that are needed, where that is allowed; else say which are missing."""
    packages = [package for program, package in TOOLS.items() if shutil.which(program) is None]
    if not packages:
        return
    line = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    if os.geteuid() != 0:
        sys.exit(f"Please run: sudo {' '.join(line)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    _run("apt-get", "update", "--quiet")
    subprocess.run(line, check=True, env=environment, stdout=subprocess.DEVNULL)


def _cache() -> Path:
    named = os.environ.get("XDG_CACHE_HOME")
    return Path(named) / "mbusmaster" if named else PROJECT / ".cache"


def _recipe() -> str:
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for file in sorted((HERE / "guest").iterdir()):
        if file.is_file():
            digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def _build(work: Path) -> Path:
    if os.geteuid() != 0:
        sys.exit("The image of the device test is built as root: its files belong to root and others.")
    root = work / "root"
    _debian(root)
    _pool(root)
    _test_parts(root)
    result = work / "result"
    result.mkdir()
    version = max(path.name for path in (root / "lib/modules").iterdir())
    shutil.copy(root / "boot" / f"vmlinuz-{version}", result / "vmlinuz")
    (result / "initrd").write_bytes(gzip.compress(_ramdisk(root, version), 1))
    shutil.rmtree(root / "boot")
    disk = result / "disk.raw"
    _run("mke2fs", "-q", "-t", "ext4", "-L", "device", "-d", str(root), str(disk), DISK_SIZE)
    return result


def _debian(root: Path) -> None:
    excludes = [f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT]
    fetch = f"apt-get install -qq --download-only -o Dir::Cache::archives=/srv/pool {' '.join(POOL)}"
    # Our own RAM disk is smaller and made in no time.
    environment = {**os.environ, "INITRD": "No"}
    subprocess.run(
        [
            "mmdebstrap",
            "--quiet",
            "--variant=apt",
            f"--include={','.join(PACKAGES)}",
            '--aptopt=APT::Install-Recommends "false"',
            *excludes,
            '--customize-hook=mkdir -p "$1/srv/pool"',
            f'--customize-hook=chroot "$1" {fetch}',
            SUITE,
            str(root),
        ],
        check=True,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    for settings in (root / "etc/dpkg/dpkg.cfg.d").glob("99mmdebstrap"):
        settings.unlink()
    (root / "etc/apt/apt.conf.d/99mmdebstrap").unlink(missing_ok=True)


def _pool(root: Path) -> None:
    pool = root / "srv/pool"
    shutil.rmtree(pool / "partial", ignore_errors=True)
    (pool / "lock").unlink(missing_ok=True)
    entries = []
    for package in sorted(pool.glob("*.deb")):
        digest = hashlib.sha256(package.read_bytes()).hexdigest()
        entries.append(
            f"{_output('dpkg-deb', '--field', str(package)).rstrip()}\n"
            f"Filename: ./{package.name}\nSize: {package.stat().st_size}\nSHA256: {digest}\n"
        )
    (pool / "Packages").write_text("\n".join(entries))
    shutil.rmtree(root / "etc/apt/sources.list.d", ignore_errors=True)
    (root / "etc/apt/sources.list").write_text("deb [trusted=yes] file:/srv/pool ./\n")
    _run("chroot", str(root), "apt-get", "update", "-qq")


def _test_parts(root: Path) -> None:
    guest = HERE / "guest"
    _place(guest / "agent.py", root / "usr/local/lib/device-agent.py")
    _place(guest / "device-agent.service", root / "etc/systemd/system/device-agent.service")
    _place(guest / "10-test.rules", root / "etc/udev/rules.d/10-test.rules")
    (root / "etc/fstab").write_text("/dev/vda / ext4 errors=remount-ro 0 0\n")
    (root / "etc/hostname").write_text("device\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n127.0.1.1 device\n::1 localhost\n")
    # One USB port that can be a device, wired to one that is a PC's; keys and lamps that a test can make.
    (root / "etc/modules-load.d/device-test.conf").write_text("dummy_hcd\nuinput\n")
    # The journal survives a power cut, and is small.
    (root / "var/log/journal").mkdir(exist_ok=True)
    (root / "etc/machine-id").write_text("")
    _run("systemctl", "--root", str(root), "--quiet", "enable", "device-agent.service")
    _run("systemctl", "--root", str(root), "--quiet", "mask", *SLOW_UNITS)


def _place(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _ramdisk(root: Path, version: str) -> bytes:
    modules = root / "lib/modules" / version
    order = _with_what_they_need(modules, EARLY_MODULES)
    archive = _Cpio()
    for name in ("bin", "dev", "root", "modules"):
        archive.add(name, 0o040755)
    archive.add("init", 0o100755, (HERE / "guest/init").read_bytes())
    archive.add("bin/busybox", 0o100755, (root / "bin/busybox").read_bytes())
    for file in order:
        archive.add(f"modules/{file.name}", 0o100644, file.read_bytes())
    archive.add("modules/order", 0o100644, "\n".join(file.name for file in order).encode() + b"\n")
    return archive.finish()


def _with_what_they_need(modules: Path, names: Iterable[str]) -> list[Path]:
    """Give files of kernel modules in an order in which they can be loaded (modules.dep(5): what is needed stands last-first)."""
    needs = {}
    for line in (modules / "modules.dep").read_text().splitlines():
        file, _, others = line.partition(":")
        needs[Path(file).name.partition(".ko")[0]] = [*reversed(others.split()), file]
    order = dict.fromkeys(file for name in names for file in needs[name])
    return [modules / file for file in order]


class _Cpio:
    """An archive as the kernel wants it (buffer format "newc" of the kernel's documentation)."""

    def __init__(self) -> None:
        self._out = io.BytesIO()
        self._inode = 0

    def add(self, name: str, mode: int, content: bytes = b"") -> None:
        self._inode += 1
        fields = (self._inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
        self._out.write(b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0")
        self._pad()
        self._out.write(content)
        self._pad()

    def finish(self) -> bytes:
        self.add("TRAILER!!!", 0)
        return self._out.getvalue()

    def _pad(self) -> None:
        self._out.write(bytes(-self._out.tell() % 4))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    made = image()
    sys.stdout.write(f"{made.disk.parent} ({made.seconds:.0f} s)\n")
