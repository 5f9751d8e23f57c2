import errno
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from mbusmaster.helper.setup_net.gadget import (
    NAME,
    Folder,
    Gadget,
    Link,
    NoFolder,
    NoLink,
    Step,
    Text,
    addresses,
    build,
    take_down,
)

SERIAL = "65012345"
CONTROLLER = "dummy_udc.0"
FILES = {
    "": (
        "idVendor idProduct bcdUSB bcdDevice bDeviceClass bDeviceSubClass bDeviceProtocol UDC os_desc/use "
        "os_desc/b_vendor_code os_desc/qw_sign strings/ configs/ functions/"
    ),
    "strings/0x409": "serialnumber manufacturer product",
    "configs/c.1": "bmAttributes MaxPower strings/",
    "configs/c.1/strings/0x409": "configuration",
    "functions/acm.usb0": "port_num",
    "functions/ncm.usb0": "dev_addr host_addr ifname os_desc/interface.ncm/compatible_id",
}
"""What the kernel puts into a folder that is made (Documentation/ABI/testing/configfs-usb-gadget*)."""


class Kernel:
    """Makes and removes folders below a temporary one as configfs does for a gadget."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "sys/kernel/config/usb_gadget" / NAME
        self.folder.parent.mkdir(parents=True)
        self.controllers = root / "sys/class/udc"
        self.controllers.mkdir(parents=True)

    def make(self, path: Path) -> None:
        path.mkdir()
        for name in FILES[self._name(path)].split():
            file = path / name
            if name.endswith("/"):
                file.mkdir()
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("usb%d" if name == "ifname" else "")

    def remove(self, path: Path) -> None:
        if not path.is_dir():
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))
        given = FILES[self._name(path)].split()
        for name in given:
            if not name.endswith("/"):
                (path / name).unlink()
                for folder in list((path / name).relative_to(path).parents)[:-1]:
                    if not any((path / folder).iterdir()):
                        (path / folder).rmdir()
        for name in given:
            if name.endswith("/"):
                (path / name).rmdir()
        path.rmdir()

    def gadget(self) -> Gadget:
        return Gadget(self.controllers.parents[2], make=self.make, remove=self.remove)

    def _name(self, path: Path) -> str:
        return "" if path == self.folder else str(path.relative_to(self.folder))


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    kernel = Kernel(tmp_path)
    (kernel.controllers / CONTROLLER).mkdir()
    return kernel


def positions(steps: Iterable[Step]) -> dict[tuple[type[Step], str], int]:
    return {(type(step), step.path): at for at, step in enumerate(steps)}


def test_each_step_comes_after_what_it_stands_on() -> None:
    at = positions(build(SERIAL, CONTROLLER))
    for kind, path in at:
        for folder in Path(path).parents:
            if (Folder, str(folder)) in at:
                assert at[Folder, str(folder)] < at[kind, path]
    for link in (step for step in build(SERIAL, CONTROLLER) if isinstance(step, Link)):
        assert at[Folder, link.target] < at[Link, link.path]


def test_a_function_is_complete_before_the_configuration_has_it() -> None:
    # Afterwards the kernel refuses to change it (EBUSY).
    at = positions(build(SERIAL, CONTROLLER))
    texts = [place for (kind, path), place in at.items() if kind is Text and path.startswith("functions/ncm")]
    assert max(texts) < at[Link, "configs/c.1/ncm.usb0"]


def test_the_controller_gets_the_device_last_and_loses_it_first() -> None:
    assert list(build(SERIAL, CONTROLLER))[-1] == Text("UDC", CONTROLLER)
    assert next(iter(take_down())) == Text("UDC", "")


def test_what_is_made_is_taken_away_in_the_opposite_order() -> None:
    made = [step.path for step in build(SERIAL, CONTROLLER) if isinstance(step, Folder | Link)]
    gone = [step.path for step in take_down() if isinstance(step, NoFolder | NoLink)]
    assert set(gone) == set(made)
    at = positions(take_down())
    last_link = max(place for (kind, _), place in at.items() if kind is NoLink)
    assert last_link < min(place for (kind, _), place in at.items() if kind is NoFolder)
    for path in made:
        for folder in map(str, Path(path).parents):
            if (NoFolder, folder) in at:
                assert at.get((NoFolder, path), at.get((NoLink, path), 0)) < at[NoFolder, folder]


def test_windows_finds_its_driver_for_the_network_by_the_descriptors(kernel: Kernel) -> None:
    kernel.gadget().up(SERIAL)
    shown = {
        path: (kernel.folder / path).read_text().strip()
        for path in (
            "os_desc/use",
            "os_desc/qw_sign",
            "functions/ncm.usb0/os_desc/interface.ncm/compatible_id",
        )
    }
    assert list(shown.values()) == ["1", "MSFT100", "WINNCM"]
    assert (kernel.folder / "os_desc/c.1").resolve() == kernel.folder / "configs/c.1"
    classes = [
        (kernel.folder / name).read_text().strip()
        for name in ("bDeviceClass", "bDeviceSubClass", "bDeviceProtocol")
    ]
    assert classes == ["0xef", "0x02", "0x01"]


def test_the_pc_sees_the_serial_number(kernel: Kernel) -> None:
    kernel.gadget().up(SERIAL)
    assert (kernel.folder / "strings/0x409/serialnumber").read_text() == f"{SERIAL}\n"


def test_addresses_stay_the_same_and_belong_to_single_machines() -> None:
    mine, theirs = addresses(SERIAL)
    assert (mine, theirs) == addresses(SERIAL)
    assert len({mine, theirs, *addresses("65012346")}) == 4
    for address in (mine, theirs):
        assert re.fullmatch("02(:[0-9a-f]{2}){5}", address)


def test_up_again_changes_nothing_and_down_leaves_nothing(kernel: Kernel) -> None:
    gadget = kernel.gadget()
    gadget.up(SERIAL)
    (kernel.folder / "idVendor").write_text("kept")
    gadget.up(SERIAL)
    assert (kernel.folder / "idVendor").read_text() == "kept"
    gadget.down()
    gadget.down()
    assert not kernel.folder.exists()


@pytest.mark.parametrize("steps", range(len(list(build(SERIAL, CONTROLLER)))))
def test_a_device_that_was_left_half_made_is_made_anew(kernel: Kernel, steps: int) -> None:
    gadget = kernel.gadget()
    for step in list(build(SERIAL, CONTROLLER))[:steps]:
        gadget._do(step)
    gadget.up(SERIAL)
    assert gadget.is_up
    gadget.down()
    assert not kernel.folder.exists()


def test_where_the_kernel_refuses_nothing_half_made_stays(kernel: Kernel) -> None:
    def refuse(path: Path) -> None:
        if path.name == "ncm.usb0":
            raise OSError(errno.EBUSY, "Device or resource busy")
        kernel.make(path)

    gadget = Gadget(kernel.controllers.parents[2], make=refuse, remove=kernel.remove)
    with pytest.raises(OSError, match="busy"):
        gadget.up(SERIAL)
    assert not kernel.folder.exists()


def test_the_network_device_has_no_name_until_the_kernel_gave_one(kernel: Kernel) -> None:
    gadget = kernel.gadget()
    gadget.up(SERIAL)
    assert gadget.interface == ""
    (kernel.folder / "functions/ncm.usb0/ifname").write_text("usb0\n")
    assert gadget.interface == "usb0"


def test_a_machine_whose_usb_ports_are_hosts_has_no_controller(tmp_path: Path) -> None:
    assert Gadget(tmp_path).controller == ""
