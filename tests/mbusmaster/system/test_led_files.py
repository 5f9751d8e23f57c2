"""Real lamps: a folder of plain files that looks like the kernel's LEDs."""

import logging
from pathlib import Path

import pytest

from mbusmaster.system.led_files import LAMPS, LedFiles
from mbusmaster.system.leds import FLASHING, GREEN, RED, PanelState

BUSY = PanelState(power=RED, mbus=FLASHING, data=GREEN, overload=RED, ethernet=FLASHING)


def led(folder: Path, name: str, *, triggers: str = "[none] timer netdev", most: int = 255) -> Path:
    path = folder / name
    path.mkdir(parents=True)
    (path / "max_brightness").write_text(f"{most}\n")
    for file in ("brightness", "delay_on", "delay_off", "device_name", "link", "tx", "rx"):
        (path / file).write_text("")
    if triggers:
        (path / "trigger").write_text(f"{triggers}\n")
    return path


def all_leds(folder: Path, *, triggers: str = "[none] timer netdev") -> dict[str, Path]:
    return {
        f"{lamp}_{colour}": led(folder, f"mbusmaster:{colour}:{lamp}", triggers=triggers)
        for lamp, colour in LAMPS
    }


def says(path: Path, name: str = "brightness") -> str:
    return (path / name).read_text()


def shown(leds: dict[str, Path]) -> dict[str, str]:
    return {name: f"{says(path, 'trigger')} {says(path)}" for name, path in leds.items()}


def test_a_machine_without_lamps_has_none(tmp_path: Path) -> None:
    assert not LedFiles(tmp_path, {})
    assert not LedFiles(tmp_path / "none", {})


def test_each_state_lights_its_lamps_and_the_kernel_flashes_them(tmp_path: Path) -> None:
    leds = all_leds(tmp_path)
    lamps = LedFiles(tmp_path, {})
    assert lamps
    lamps.show(BUSY)
    assert shown(leds) == {
        "power_red": "none 255",
        "mbus_red": "none 0",
        "mbus_green": "timer 255",
        "data_green": "none 255",
        "overload_red": "none 255",
        "ethernet_green": "timer 255",
    }
    assert says(leds["mbus_green"], "delay_on") == says(leds["mbus_green"], "delay_off") == "250"
    lamps.show(PanelState(power=RED, mbus=RED, ethernet=GREEN))
    assert shown(leds) == {
        "power_red": "none 255",
        "mbus_red": "none 255",
        "mbus_green": "none 0",
        "data_green": "none 0",
        "overload_red": "none 0",
        "ethernet_green": "none 255",
    }


def test_at_the_end_all_lamps_are_dark(tmp_path: Path) -> None:
    leds = all_leds(tmp_path)
    lamps = LedFiles(tmp_path, {})
    lamps.show(BUSY, "eth0")
    lamps.put_out()
    assert set(shown(leds).values()) == {"none 0"}


def test_the_kernel_shows_link_and_traffic_by_itself(tmp_path: Path) -> None:
    ethernet = all_leds(tmp_path)["ethernet_green"]
    LedFiles(tmp_path, {}).show(BUSY, "eth0")
    assert [says(ethernet, name) for name in ("trigger", "device_name", "link", "tx", "rx")] == [
        "netdev",
        "eth0",
        "1",
        "1",
        "1",
    ]


def test_the_kernel_follows_when_another_device_becomes_ethernet(tmp_path: Path) -> None:
    ethernet = all_leds(tmp_path)["ethernet_green"]
    lamps = LedFiles(tmp_path, {})
    lamps.show(BUSY, "eth0")
    lamps.show(BUSY, "eth1")
    assert says(ethernet, "device_name") == "eth1"


def test_a_kernel_that_promises_to_show_the_network_and_cannot_is_not_asked_again(tmp_path: Path) -> None:
    ethernet = all_leds(tmp_path)["ethernet_green"]
    (ethernet / "device_name").unlink()
    lamps = LedFiles(tmp_path, {})
    # The first failure may be one of udev, which has not given the files of the trigger to the gateway yet.
    lamps.show(PanelState(ethernet=GREEN), "eth0")
    for _ in range(2):
        lamps.show(PanelState(ethernet=GREEN), "eth0")
        assert (says(ethernet, "trigger"), says(ethernet)) == ("none", "255")


def test_where_the_kernel_cannot_flash_a_lamp_it_is_lit(tmp_path: Path) -> None:
    leds = all_leds(tmp_path, triggers="")
    LedFiles(tmp_path, {}).show(BUSY, "eth0")
    assert says(leds["mbus_green"]) == says(leds["ethernet_green"]) == "255"
    assert not (leds["mbus_green"] / "trigger").exists()


def test_files_are_written_only_when_something_changes(tmp_path: Path) -> None:
    power = all_leds(tmp_path)["power_red"]
    lamps = LedFiles(tmp_path, {})
    lamps.show(BUSY)
    (power / "brightness").write_text("untouched")
    lamps.show(BUSY)
    assert says(power) == "untouched"
    lamps.put_out()
    assert says(power) == "0"


def test_the_settings_name_lamps_that_are_called_otherwise(tmp_path: Path) -> None:
    power = led(tmp_path, "ACT", most=1)
    LedFiles(tmp_path, {"power_red": "ACT"}).show(BUSY)
    assert says(power) == "1"


@pytest.mark.parametrize("name", ["PWR", "../elsewhere", "/tmp"])
def test_a_named_lamp_that_is_not_there_is_told(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    led(tmp_path, "elsewhere")
    (tmp_path / "leds").mkdir()
    assert not LedFiles(tmp_path / "leds", {"power_red": name})
    assert f"no LED {name} in {tmp_path}/leds for the lamp power (red)" in caplog.text


def test_a_lamp_that_may_not_be_written_is_told_once_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    power = all_leds(tmp_path)["power_red"]
    (power / "brightness").unlink()
    lamps = LedFiles(tmp_path, {})
    with caplog.at_level(logging.WARNING):
        lamps.show(BUSY)
        lamps.show(BUSY)
    assert caplog.text.count("the lamp mbusmaster:red:power cannot be set") == 1
    (power / "brightness").write_text("")
    lamps.show(BUSY)
    assert says(power) == "255"


def test_files_of_a_trigger_that_come_late_are_written_and_the_trigger_stays(tmp_path: Path) -> None:
    ethernet = all_leds(tmp_path)["ethernet_green"]
    (ethernet / "device_name").unlink()
    lamps = LedFiles(tmp_path, {})
    lamps.show(PanelState(ethernet=GREEN), "eth0")
    # What the kernel says of a trigger that is in force; set again, its files would be new ones.
    (ethernet / "trigger").write_text("none timer [netdev]")
    (ethernet / "device_name").touch()
    lamps.show(PanelState(ethernet=GREEN), "eth0")
    assert says(ethernet, "device_name") == "eth0"
    assert says(ethernet, "trigger") == "none timer [netdev]"
