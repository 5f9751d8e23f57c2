"""The package on a machine: a copy of this one's file system in a mount namespace, without a running systemd."""

import re

import pytest

pytestmark = [pytest.mark.process, pytest.mark.timeout(600)]

Life = dict[str, list[str]]


def test_it_installs_on_a_machine_that_knew_nothing_of_it(life: Life) -> None:
    assert life["before"] == []
    assert any("http://127.0.0.1/" in line for line in life["install"])
    assert not [line for line in life["install"] if re.search("(?i)warn|error|fail|cannot", line)]


def test_each_folder_belongs_to_whom_it_should(life: Life) -> None:
    assert life["folders"] == [
        "drwxr-x--- mbusmaster mbusmaster /etc/mbusmaster",
        "-rw-r----- mbusmaster mbusmaster /etc/mbusmaster/mbusmaster.toml",
        "drwxr-x--- mbusmaster mbusmaster /var/lib/mbusmaster",
        "drwx------ mbusmaster mbusmaster /var/lib/mbusmaster/spool",
        "drwxr-xr-x root root /var/lib/mbusmaster-slots",
        "drwxr-x--- mbusmaster mbusmaster /run/mbusmaster-time",
        "drwxr-x--- mbusmaster mbusmaster /run/mbusmaster-time/sources.d",
    ]


def test_the_package_is_what_runs_until_a_release_is_installed(life: Life) -> None:
    assert life["current"] == ["/usr/lib/mbusmaster"]


def test_its_user_may_use_serial_ports_and_the_button_and_cannot_log_in(life: Life) -> None:
    assert set(life["groups"][0].split()) == {"mbusmaster", "dialout", "input", "gpio"}
    assert life["account"][0].endswith("/usr/sbin/nologin")


def test_all_that_must_start_at_boot_is_enabled(life: Life) -> None:
    assert life["enabled"] == [
        "mbusmaster-helper.socket",
        "mbusmaster-setup-network.service",
        "mbusmaster-time.service",
        "mbusmaster.service",
    ]


def test_systemd_has_nothing_to_say_about_the_units(life: Life) -> None:
    assert life["verify"] == []
    assert life["tmpfiles"] == []


def test_each_unit_is_as_closed_as_was_promised(life: Life) -> None:
    found = [re.search(r"for (\S+)\.service: ([0-9.]+)", line) for line in life["security"]]
    scores = {match[1]: float(match[2]) for match in found if match}
    assert len(scores) == 5
    assert scores.pop("mbusmaster-helper") <= 3.5
    assert max(scores.values()) <= 3.0


def test_the_commands_are_there_for_everybody(life: Life) -> None:
    assert [line.split()[1] for line in life["commands"]] == ["mbus", "mbussim", "mbusmaster"]


def test_every_module_inside_can_be_imported(life: Life) -> None:
    assert life["imports"] == ["all"]


def test_the_gateway_runs_without_a_converter_and_shows_its_pages(life: Life) -> None:
    assert any(line.startswith("200 http://127.0.0.1/") for line in life["run"]), life["run"]
    assert life["run"][-1] == "ended with 0"


def test_pauses_after_failures_grow_and_an_ordered_end_forgets_them(life: Life) -> None:
    assert life["failures"] == ["pause 2", "pause 4", "pause 2"]


def test_installed_again_it_keeps_the_settings(life: Life) -> None:
    assert life["again"][-1] == "# kept"
    assert not [line for line in life["again"] if re.search("(?i)warn|error|fail|cannot", line)]


def test_nothing_is_ever_written_into_the_environment_of_the_package(life: Life) -> None:
    assert life["altered"] == []
    assert life["written"] == []


def test_removed_it_leaves_settings_and_state(life: Life) -> None:
    left = set(life["removed"])
    assert {"/etc/mbusmaster", "/var/lib/mbusmaster", "/var/lib/mbusmaster-slots"} <= left
    assert not [path for path in left if path.startswith(("/usr/", "/lib/"))]


def test_installed_after_a_removal_it_goes_on_where_it_was(life: Life) -> None:
    assert life["reinstall"][-1] == "# kept"


def test_purged_it_leaves_nothing(life: Life) -> None:
    assert life["purged"] == []
