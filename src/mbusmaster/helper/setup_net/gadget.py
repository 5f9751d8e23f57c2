"""The USB device: a serial port (CDC ACM) and a network (CDC NCM), described to the kernel by folders and files.

Linux: Documentation/usb/gadget_configfs.rst, Documentation/ABI/testing/configfs-usb-gadget*. Windows 10 and 11 take a device of
several functions apart if its class says that they are associated (EF/02/01), have a driver for CDC ACM, and take theirs for
NCM if the Microsoft OS descriptors name the function WINNCM.
"""

import contextlib
import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

NAME: Final = "mbusmaster"
_ENGLISH: Final = "0x409"
_CONFIG: Final = "configs/c.1"
_SERIAL_PORT: Final = "functions/acm.usb0"
_NETWORK: Final = "functions/ncm.usb0"
_NAMES: Final = "os_desc/c.1"
MANUFACTURER: Final = "mbusmaster"
PRODUCT: Final = "M-Bus master"


@dataclass(frozen=True, slots=True)
class Folder:
    """Make a folder."""

    path: str


@dataclass(frozen=True, slots=True)
class Text:
    """Write a file that the kernel has made."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Link:
    """Make a link inside the gadget."""

    path: str
    target: str


@dataclass(frozen=True, slots=True)
class NoFolder:
    """Take a folder away; the kernel takes its files away with it."""

    path: str


@dataclass(frozen=True, slots=True)
class NoLink:
    """Take a link away."""

    path: str


Step = Folder | Text | Link | NoFolder | NoLink


def addresses(serial: str) -> tuple[str, str]:
    """Give the Ethernet addresses of this machine and of the PC on the cable, always the same for a serial number.

    They are locally administered ones of single machines (IEEE 802): a PC knows the device again at any of its ports.
    """
    digest = hashlib.sha256(f"mbusmaster setup network {serial}".encode()).digest()
    return _address(digest[:5]), _address(digest[5:10])


def _address(end: bytes) -> str:
    return ":".join(f"{octet:02x}" for octet in b"\x02" + end)


def build(serial: str, controller: str) -> Iterator[Step]:
    """Give the steps that make the device, in the order that the kernel wants; the last one shows it to the PC.

    :param controller: name of the USB device controller (UDC).
    """
    mine, theirs = addresses(serial)
    yield Folder("")
    # Linux Foundation, Multifunction Composite Gadget; USB 2.0.
    yield from (Text("idVendor", "0x1d6b"), Text("idProduct", "0x0104"))
    yield from (Text("bcdUSB", "0x0200"), Text("bcdDevice", "0x0100"))
    yield from (
        Text("bDeviceClass", "0xef"),
        Text("bDeviceSubClass", "0x02"),
        Text("bDeviceProtocol", "0x01"),
    )
    strings = f"strings/{_ENGLISH}"
    yield Folder(strings)
    yield Text(f"{strings}/serialnumber", serial)
    yield Text(f"{strings}/manufacturer", MANUFACTURER)
    yield Text(f"{strings}/product", PRODUCT)
    yield Folder(_CONFIG)
    yield Folder(f"{_CONFIG}/strings/{_ENGLISH}")
    yield Text(f"{_CONFIG}/strings/{_ENGLISH}/configuration", "Serial port and network")
    # It has a power supply of its own.
    yield from (Text(f"{_CONFIG}/bmAttributes", "0xc0"), Text(f"{_CONFIG}/MaxPower", "2"))
    yield Folder(_SERIAL_PORT)
    yield Folder(_NETWORK)
    yield from (Text(f"{_NETWORK}/dev_addr", mine), Text(f"{_NETWORK}/host_addr", theirs))
    yield Text(f"{_NETWORK}/os_desc/interface.ncm/compatible_id", "WINNCM")
    yield Link(f"{_CONFIG}/ncm.usb0", _NETWORK)
    yield Link(f"{_CONFIG}/acm.usb0", _SERIAL_PORT)
    yield from (Text("os_desc/b_vendor_code", "0xcd"), Text("os_desc/qw_sign", "MSFT100"))
    yield Link(_NAMES, _CONFIG)
    yield Text("os_desc/use", "1")
    yield Text("UDC", controller)


def take_down() -> Iterator[Step]:
    """Give the steps that take the device away, whole or half made, in the order that the kernel wants."""
    yield Text("UDC", "")
    yield NoLink(_NAMES)
    yield from (NoLink(f"{_CONFIG}/acm.usb0"), NoLink(f"{_CONFIG}/ncm.usb0"))
    yield NoFolder(f"{_CONFIG}/strings/{_ENGLISH}")
    yield NoFolder(_CONFIG)
    yield from (NoFolder(_NETWORK), NoFolder(_SERIAL_PORT))
    yield NoFolder(f"strings/{_ENGLISH}")
    yield NoFolder("")


class Gadget:
    """The USB device of this machine.

    :param root: where the machine's folders are.
    :param make: makes a folder; the kernel fills it.
    :param remove: takes a folder away; the kernel takes its files away with it.
    """

    def __init__(
        self,
        root: Path = Path("/"),
        *,
        make: Callable[[Path], object] = Path.mkdir,
        remove: Callable[[Path], object] = os.rmdir,
    ) -> None:
        self._controllers = root / "sys/class/udc"
        self._folder = root / "sys/kernel/config/usb_gadget" / NAME
        self._make = make
        self._remove = remove

    @property
    def controller(self) -> str:
        """Name of the USB port that can be a device; empty where there is none."""
        try:
            names = sorted(path.name for path in self._controllers.iterdir())
        except OSError:
            return ""
        return names[0] if names else ""

    @property
    def is_up(self) -> bool:
        """The device is shown to a PC, or would be if one were there."""
        return bool(self._read("UDC"))

    @property
    def interface(self) -> str:
        """The network device as the kernel called it; empty where there is none."""
        name = self._read(f"{_NETWORK}/ifname")
        return "" if "%" in name else name

    def up(self, serial: str) -> None:
        """Show the device to the PC, which changes nothing where it is shown; raise `OSError`, and leave nothing half made."""
        if self.is_up:
            return
        self.down()
        try:
            for step in build(serial, self.controller):
                self._do(step)
        except OSError:
            self.down()
            raise

    def down(self) -> None:
        """Take the device away if it is there; raise `OSError` where the kernel refuses."""
        if not self._folder.is_dir():
            return
        for step in take_down():
            # A device that was half made has only some of this, and no controller to give back (ENODEV).
            try:
                self._do(step)
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.ENODEV):
                    raise

    def _do(self, step: Step) -> None:
        path = self._folder / step.path
        match step:
            case Folder():
                with contextlib.suppress(FileExistsError):
                    self._make(path)
            case Text(_, text):
                # Without the file the kernel does not know the function: it is never made here.
                file = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
                try:
                    os.write(file, f"{text}\n".encode())
                finally:
                    os.close(file)
            case Link(_, target):
                path.symlink_to(self._folder / target)
            case NoFolder():
                self._remove(path)
            case NoLink():
                path.unlink()

    def _read(self, name: str) -> str:
        try:
            return (self._folder / name).read_text().strip()
        except OSError:
            return ""
