"""Erasing all data: nothing of what was is left, whenever the power goes."""

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mbusmaster import app
from mbusmaster.__main__ import main
from mbusmaster.administration import erase
from mbusmaster.channels.trust import Trust
from mbusmaster.meterlist import MeterList
from mbusmaster.settings import LogSettings, Settings, SettingsError, Store
from mbusmaster.system import logs
from mbusmaster.system.erase import (
    MARK,
    EraseError,
    Eraser,
    erase_if_asked,
    hold,
    is_ours,
    settings_of_machine,
)
from mbusmaster.system.logs import Logs
from mbusmaster.system.restart import ExitReason
from mbusmaster.users import RULES
from mbusweb.access import add_user_offline
from support.access import Clocks

USER, METER, CLIENT, LINE, PLACE = "petersen", "87654321", "boiler-room", "odd line 4711", "Harbour 12"
OURS = {
    "buses": [{"name": "east", "url": "/dev/serial/by-id/usb-7", "parity": "none", "timeout": 3}],
    "device": {"name": PLACE, "serial_number": "SN1"},
    "ethernet": {"dhcp": False, "address": "192.0.2.10", "netmask": "255.255.255.0"},
    "web": {"port": 8080, "lan": True},
    "channels": {"plain_tcp": {"enabled": True}},
}
ERASE = """
import os, signal, sys
from pathlib import Path
from mbusmaster.settings import Store
from mbusmaster.system.erase import erase_if_asked
left = int(sys.argv[3])
def step(name):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
erase_if_asked(Path(sys.argv[1]), Store(Path(sys.argv[2])), step=step)
"""


class Used:
    """A master that was in use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.state.mkdir()
        self.store = Store(folder / "master.toml")
        self.store.save(Settings.model_validate({**OURS, "device": {"name": f"old {PLACE}"}}))
        self.store.save(Settings.model_validate(OURS))
        add_user_offline(self.state, USER, "a long passphrase", RULES)
        meters = MeterList(self.state / "meters.db", clock=lambda: Clocks().now)
        meters.import_csv(f"identification,note\n{METER},cellar\n".encode(), bus="main")
        trust = Trust(self.state / "trust")
        key = trust.authority_pem()
        trust.issue(CLIENT, None)
        logs = Logs()
        logs.open(self.state, LogSettings())
        logs.system.add(0.0, logging.INFO, "x", LINE)
        logs.close()
        (self.state / "spool").mkdir()
        (self.state / "spool/MBMC2022_release_0042.tar").write_bytes(b"release")
        # As an abrupt end leaves them: copies of files that are still open.
        for name in ("access.db", "meters.db"):
            for path in self.state.glob(f"{name}*"):
                (self.state / f"{path.name}.damaged-1").write_bytes(path.read_bytes())
        meters.close()
        trust.close()
        (self.state / ".access.db.new").write_text(USER)
        (self.state / "time.json").write_text("{}")
        self.secrets = [text.encode() for text in (USER, METER, CLIENT, LINE, PLACE, "192.0.2.77")]
        self.secrets += [key[60:100], b"argon2", b"PRIVATE KEY"]

    def leaks(self) -> list[tuple[bytes, Path]]:
        """Give what is still to be found, and where."""
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        return [(secret, path) for path in files for secret in self.secrets if secret in path.read_bytes()]


@pytest.fixture
def used(tmp_path: Path) -> Used:
    return Used(tmp_path)


def test_nothing_is_erased_that_nobody_asked_for(used: Used) -> None:
    before = sorted(used.state.rglob("*"))
    assert not erase_if_asked(used.state, used.store)
    assert sorted(used.state.rglob("*")) == before
    assert len({secret for secret, _path in used.leaks()}) >= 7


def test_nothing_of_what_was_is_left_in_any_file(used: Used) -> None:
    Eraser(used.state).request()
    assert erase_if_asked(used.state, used.store)
    assert used.leaks() == []
    assert sorted(path.name for path in used.folder.rglob("*")) == ["master.toml", "state", "time.json"]
    assert not erase_if_asked(used.state, used.store)


def test_what_belongs_to_the_machine_stays_and_all_else_is_as_new(used: Used) -> None:
    Eraser(used.state).request()
    erase_if_asked(used.state, used.store)
    settings = used.store.load().settings
    bus = settings.buses[0]
    assert (bus.name, bus.url, bus.parity, bus.timeout) == ("main", "/dev/serial/by-id/usb-7", "none", 2)
    assert (settings.device.name, settings.device.serial_number) == ("", "SN1")
    assert str(settings.ethernet.address) == "192.0.2.10"
    assert (settings.web.port, settings.web.lan) == (8080, False)
    assert not settings.channels.plain_tcp.enabled


def test_a_converter_in_the_building_is_forgotten_and_one_plugged_in_here_is_not() -> None:
    settings = Settings.model_validate(
        {
            "buses": [
                {"name": "far", "url": "tcp://192.0.2.77:10001"},
                {"name": "near", "url": "/dev/ttyUSB1"},
                {"name": "other", "url": "/dev/ttyUSB2"},
            ]
        }
    )
    buses = settings_of_machine(settings).buses
    assert [(bus.name, bus.url) for bus in buses] == [("main", "/dev/ttyUSB1"), ("bus2", "/dev/ttyUSB2")]
    far = Settings.model_validate({"buses": [{"url": "tcp://192.0.2.77:10001"}]})
    assert settings_of_machine(far).buses == Settings().buses


def test_a_place_of_the_pages_that_clashes_with_a_default_does_not_stop_the_gateway() -> None:
    clash = Settings.model_validate(
        {"web": {"port": 1445}, "channels": {"secured_tcp": {"port": 9}}, "state_folder": "/srv/state"}
    )
    after = settings_of_machine(clash)
    assert (str(after.state_folder), after.web.port) == ("/srv/state", 80)


@pytest.mark.process
def test_killed_at_any_step_the_next_start_goes_on_until_nothing_is_left(tmp_path: Path) -> None:
    kills = 0
    while True:
        (tmp_path / str(kills)).mkdir()
        used = Used(tmp_path / str(kills))
        Eraser(used.state).request()
        command = [sys.executable, "-c", ERASE, str(used.state), str(used.store.path), str(kills)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert (used.state / MARK).exists()
        assert erase_if_asked(used.state, used.store)
        assert used.leaks() == []
        kills += 1
    assert used.leaks() == []
    assert kills >= 8


def test_a_mark_is_enough_whatever_became_of_its_content(used: Used) -> None:
    (used.state / MARK).touch()
    assert erase_if_asked(used.state, used.store)
    assert not (used.state / MARK).exists()


def test_what_is_not_ours_stays_and_is_named(used: Used) -> None:
    for name in ("logo.png", "trustees.txt", "access.dbf", "holiday.jpg"):
        (used.state / name).write_text("theirs")
    assert Eraser(used.state).foreign() == ("access.dbf", "holiday.jpg", "logo.png", "trustees.txt")
    Eraser(used.state).request()
    erase_if_asked(used.state, used.store)
    assert (used.state / "holiday.jpg").exists()


def test_what_belongs_to_updates_and_to_the_time_service_is_not_taken_for_somebody_elses(used: Used) -> None:
    for name in ("time", "updates", "fetched"):
        (used.state / name).mkdir()
        (used.state / name / "file").touch()
    (used.state / "before-update.json").write_text('{"bus east": true}')
    (used.state / "time.json").write_text("{}")
    assert Eraser(used.state).foreign() == ()
    Eraser(used.state).request()
    assert erase_if_asked(used.state, used.store)
    assert sorted(os.listdir(used.state)) == ["time", "time.json", "updates"]


def test_side_files_and_half_written_ones_are_ours() -> None:
    for name in (
        "access.db",
        "access.db-wal",
        "meters.db.damaged-20260101T000000Z-shm",
        ".access.db.new",
        "log",
    ):
        assert is_ours(name)


def test_no_link_leads_out_of_the_folder(used: Used, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("theirs")
    (used.state / "trust/link").symlink_to(outside)
    (used.state / "access.db-journal").symlink_to(outside / "kept")
    Eraser(used.state).request()
    erase_if_asked(used.state, used.store)
    assert (outside / "kept").read_text() == "theirs"


def test_settings_that_cannot_be_used_do_not_let_the_erasing_end_before_its_time(used: Used) -> None:
    Eraser(used.state).request()
    used.store.path.write_text("version = ")
    used.store.backup_path.unlink()
    with pytest.raises(SettingsError):
        erase_if_asked(used.state, used.store)
    assert (used.state / MARK).exists()
    used.store.path.unlink()
    assert erase_if_asked(used.state, used.store)
    assert used.leaks() == []


def test_a_folder_that_takes_no_mark_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(EraseError, match=r"cannot write .*erase-all: No such file"):
        Eraser(tmp_path / "gone").request()


def test_the_command_asks_and_erases(used: Used, capsys: pytest.CaptureFixture[str]) -> None:
    (used.state / "holiday.jpg").touch()
    erase(used.state, used.store, sure=False, ask=lambda prompt: "no")
    printed = capsys.readouterr().out
    assert "nothing was erased" in printed
    assert "holiday.jpg is not the gateway's" in printed
    assert used.leaks()
    erase(used.state, used.store, sure=False, ask=lambda prompt: "erase")
    assert "all data is erased" in capsys.readouterr().out
    assert used.leaks() == []


def test_under_a_running_gateway_the_command_leaves_it_to_the_next_start(
    used: Used, capsys: pytest.CaptureFixture[str]
) -> None:
    held = hold(used.state)
    assert held is not None
    erase(used.state, used.store, sure=True)
    assert "restart it now" in capsys.readouterr().out
    assert used.leaks()
    os.close(held)
    assert erase_if_asked(used.state, used.store)
    assert used.leaks() == []


def test_a_second_gateway_erases_nothing_under_the_first(used: Used, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "serve", lambda *parts: ExitReason.STOPPED)
    monkeypatch.setattr(logs, "start_logging", lambda level: Logs())
    held = hold(used.state)
    assert held is not None
    Eraser(used.state).request()
    assert main(["run", "--config", str(used.store.path), "--state", str(used.state)]) == 0
    assert used.leaks()
    os.close(held)
