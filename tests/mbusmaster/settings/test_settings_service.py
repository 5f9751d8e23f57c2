import asyncio
import contextlib
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbusmaster.settings import Change, Loaded, Settings, SettingsError, SettingsService, Store
from mbusmaster.settings.service import values


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "mbusmaster.toml")


@pytest.fixture
def service(store: Store) -> SettingsService:
    store.save(Settings())
    return SettingsService(store, store.load())


def refused(service: SettingsService, changes: dict[str, Any]) -> dict[str, str]:
    before = (service.stored, service.running)
    with pytest.raises(SettingsError) as caught:
        service.change(changes)
    assert (service.stored, service.running) == before
    return caught.value.fields


def test_a_change_is_in_the_file_and_waits_for_the_restart_it_needs(
    store: Store, service: SettingsService
) -> None:
    changes = service.change({"buses.0.timeout": "3"})
    assert changes == (Change("buses.0.timeout", 2, 3, needs_restart=True),)
    assert store.load().settings.buses[0].timeout == service.stored.buses[0].timeout == 3
    assert service.running.buses[0].timeout == 2
    assert service.pending() == changes


def test_what_needs_no_restart_is_in_force_at_once(service: SettingsService) -> None:
    changes = service.change({"hosting.enabled": "true", "device.name": " Cellar ", "web.port": "8080"})
    assert [change.path for change in changes] == ["device.name", "hosting.enabled", "web.port"]
    assert service.running.hosting.enabled
    assert service.running.device.name == "Cellar"
    assert [change.path for change in service.pending()] == ["web.port"]


def test_a_change_that_was_taken_back_waits_for_nothing(service: SettingsService) -> None:
    service.change({"buses.0.timeout": 3})
    service.change({"buses.0.timeout": 2})
    assert service.pending() == ()


def test_a_change_that_ends_where_it_began_is_none_and_is_not_written(store: Store) -> None:
    service = SettingsService(store, store.load())
    heard: list[tuple[Change, ...]] = []
    service.subscribe(heard.append)
    assert service.change({"buses.0.timeout": "2", "channels.plain_tcp.bind": "0.0.0.0, ::"}) == ()
    assert not store.path.exists()
    assert heard == []


@pytest.mark.parametrize(
    ("path", "raw", "value"),
    [
        ("channels.discovery", "false", False),
        ("channels.discovery", "off", False),
        ("channels.secure_only", "on", True),
        ("channels.secure_only", True, True),
        ("buses.0.default_baud", "9600", 9600),
        ("buses.0.parity", "none", "none"),
        ("buses.0.hold", " 0.75 ", 0.75),
        ("buses.0.hold", "0,75", 0.75),
        ("buses.0.line.monitor", "tcp://127.0.0.1:1", "tcp://127.0.0.1:1"),
        ("ethernet.dns1", "192.168.1.1", "192.168.1.1"),
        ("channels.plain_tcp.interfaces", "eth0, eth1\r\nwlan0\n", ("eth0", "eth1", "wlan0")),
        ("channels.plain_tcp.bind", "127.0.0.1\n::1", ("127.0.0.1", "::1")),
        ("channels.plain_tcp.bind", ["127.0.0.1"], ("127.0.0.1",)),
        ("panel.led_names.power_red", "red:power", "red:power"),
        ("time.source", "manual", "manual"),
        ("state_folder", "/srv/mbus", "/srv/mbus"),
        ("web.host_names", "cellar.example", ("cellar.example",)),
    ],
)
def test_text_from_a_form_and_json_are_understood(
    service: SettingsService, path: str, raw: object, value: object
) -> None:
    assert [(change.path, change.new) for change in service.change({path: raw})] == [(path, value)]
    assert values(service.stored)[path] == value


@pytest.mark.parametrize(
    ("path", "was", "value"),
    [
        ("ethernet.dns1", "192.168.1.1", None),
        ("buses.0.line.monitor", "unix:///run/line", None),
        ("device.name", "Cellar", ""),
        ("channels.plain_tcp.interfaces", "eth0", ()),
        ("channels.plain_tcp.bind", "127.0.0.1", ("0.0.0.0", "::")),
        ("panel.led_names.power_red", "red:power", None),
    ],
)
def test_an_emptied_field_has_no_value_or_the_default_of_a_list_that_needs_entries(
    service: SettingsService, path: str, was: str, value: object
) -> None:
    service.change({path: was})
    assert [change.new for change in service.change({path: " "})] == [value]


@pytest.mark.parametrize(
    ("path", "raw", "message"),
    [
        ("buses.0.timeout", "4", "must be 1 to 3"),
        ("buses.0.timeout", "", "must not be empty"),
        ("buses.0.timeout", "two", "must be a whole number"),
        ("buses.0.timeout", "9" * 5000, "must be a whole number"),
        ("buses.0.timeout", True, "must be a number"),
        ("buses.0.timeout", "2,5", "must be a whole number"),
        ("buses.0.hold", "1e999", "must be a number"),
        ("buses.0.hold", "0,125", "must be a number"),
        ("buses.0.default_baud", "1200", "must be one of 300, 2400, 9600, 19200"),
        ("buses.0.parity", "mark", "must be one of even, none, odd"),
        ("buses.0.name", "Up stairs", "must be small letters, digits, '-' and '_', at most 32, a letter or digit first"),
        ("buses.0.url", "nowhere", "names no bus: 'nowhere' names no bus; write one of: "),
        ("buses.0.url", "/dev/ttyS0?baud=300", "must not contain baud=: that is a setting of its own"),
        ("channels.discovery", "", "must not be empty"),
        ("channels.discovery", "perhaps", "must be on or off"),
        ("channels.plain_tcp.port", "65536", "must be 0 to 65535"),
        ("channels.plain_tcp.bind", "127.0.0.1, cellar", "cellar is no IP address such as 192.168.1.10 or fd00::10"),
        ("channels.plain_tcp.bind", [5], "must be text"),
        ("channels.plain_tcp.bind", ["::1"] * 17, "must have 1 to 16 entries"),
        ("channels.plain_tcp.bind", {"a": 1}, "must be a list"),
        ("channels.plain_tcp.interfaces", "eth0, ../eth1", "../eth1 is no name of a network device such as eth0"),
        ("channels.plain_tcp.bus", "attic", "there is no bus attic; there is main"),
        ("channels.plain_tcp", "on", "must be a group of settings"),
        ("device.name", "n" * 65, "must have at most 64 characters"),
        ("device.name", "one\ntwo", "must not contain control characters"),
        ("device.name", "\ud800", "must be text"),
        ("device.name", "n" * 100_000, "must have at most 8192 characters"),
        ("ethernet.dns1", "192.168.1", "192.168.1 is no IPv4 address such as 192.168.1.10"),
        ("ethernet.dns1", 5, "must be text"),
        ("state_folder", "", "must not be empty"),
        ("state_folder", "/a\0b", "must not contain control characters"),
        ("state_folder", "/" + "a" * 300, "must have at most 255 characters"),
        ("panel.led_names.power_red", "../../x", "must be the name of an LED: letters, digits and '_.:-'"),
        ("panel.led_names", 5, "must be a group of settings"),
        ("time.server", "-x", "-x is no host name or address"),
        ("buses", [], "must have 1 to 16 entries"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_at_its_field_and_nothing_is_written(
    store: Store, service: SettingsService, path: str, raw: object, message: str
) -> None:
    written = store.path.read_bytes()
    found = refused(service, {"hosting.enabled": "true", path: raw})
    assert list(found) == [path]
    assert found[path].startswith(message)
    assert store.path.read_bytes() == written


@pytest.mark.parametrize(
    "path",
    ["", ".", "version", "surprise", "buses.0.surprise", "buses.x.timeout", "buses.-1.timeout", "buses.¹.timeout",
     "buses.0", "buses..timeout", "channels.plain_tcp.bind.0", "panel.led_names.mains", "__class__", "a." * 500,
     "buses.9999.timeout"],
)  # fmt: skip
def test_a_setting_that_does_not_exist_is_refused(service: SettingsService, path: str) -> None:
    found = refused(service, {path: "1"})
    assert set(found.values()) <= {"no such setting", "must be a group of settings"}


def test_a_bus_that_does_not_exist_is_refused(service: SettingsService) -> None:
    assert refused(service, {"buses.1.timeout": "2"}) == {"buses.1.timeout": "there is no entry 2, only 1"}


def test_fields_of_one_form_are_checked_together(service: SettingsService) -> None:
    service.change({"channels.plain_tcp.enabled": "true"})
    assert refused(service, {"channels.secure_only": "true"}) == {
        "channels.plain_tcp.enabled": "cannot be switched on while only secure communication is allowed"
    }
    service.change({"channels.secure_only": "true", "channels.plain_tcp.enabled": "false"})
    service.change(
        {
            "buses.0.min_baud": "2400",
            "buses.0.default_baud": "9600",
            "buses.0.max_baud": "9600",
        }
    )


def test_every_wrong_field_of_a_form_has_its_message(service: SettingsService) -> None:
    assert refused(
        service, {"ethernet.dhcp": "false", "ethernet.address": "", "ethernet.netmask": "", "web.port": "x"}
    ) == {
        "ethernet.address": "is needed where there is no DHCP",
        "ethernet.netmask": "is needed where there is no DHCP",
        "web.port": "must be a whole number",
    }
    assert set(
        refused(
            service,
            {
                "channels.secure_only": "true",
                "channels.plain_tcp.enabled": "true",
                "channels.rfc2217.enabled": "true",
            },
        )
    ) == {"channels.plain_tcp.enabled", "channels.rfc2217.enabled"}


def test_a_message_finds_the_field_of_the_second_bus(service: SettingsService) -> None:
    service.change({"buses": [{"name": "a"}, {"name": "b"}]})
    assert refused(service, {"buses.1.min_baud": "9600", "buses.1.name": "b"}) == {
        "buses.1.min_baud": "the baud rates must rise: min. 9600, default 2400, max. 19200 do not"
    }
    assert list(refused(service, {"buses.1.name": "a"})) == ["buses.1.name"]


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"channels.plain_tcp.enabled": True, "channels.plain_tcp.port": 1445}, "channels.plain_tcp.port"),
        ({"channels.secured_tcp.port": 80}, "web.port"),
        ({"web.lan": True, "channels.secured_tcp.port": 443}, "web.lan_port"),
    ],
)
def test_two_listeners_on_one_port_are_refused(
    service: SettingsService, changes: dict[str, object], path: str
) -> None:
    assert list(refused(service, changes)) == [path]
    assert "is used already" in refused(service, changes)[path]


def test_what_is_off_takes_no_port(service: SettingsService) -> None:
    service.change({"channels.plain_tcp.port": 1445, "web.lan_port": 80})


@pytest.mark.parametrize(
    ("address", "netmask", "gateway", "path"),
    [
        ("192.168.1.10", "255.255.255.1", "", "ethernet.netmask"),
        ("192.168.1.10", "0.0.0.255", "", "ethernet.netmask"),
        ("192.168.1.10", "0.0.0.0", "", "ethernet.netmask"),
        ("192.168.1.10", "255.255.255.255", "", "ethernet.netmask"),
        ("192.168.1.0", "255.255.255.0", "", "ethernet.address"),
        ("192.168.1.255", "255.255.255.0", "", "ethernet.address"),
        ("224.0.0.1", "255.255.255.0", "", "ethernet.address"),
        ("127.0.0.1", "255.0.0.0", "", "ethernet.address"),
        ("10.0.0.7", "255.255.255.0", "", "ethernet.address"),
        ("10.9.9.9", "255.0.0.0", "", "ethernet.address"),
        ("192.168.1.10", "255.255.255.0", "192.168.2.1", "ethernet.gateway"),
        ("192.168.1.10", "255.255.255.0", "192.168.1.10", "ethernet.gateway"),
        ("192.168.1.10", "255.255.255.0", "192.168.1.255", "ethernet.gateway"),
    ],
)
def test_a_network_that_cannot_work_is_refused(
    service: SettingsService, address: str, netmask: str, gateway: str, path: str
) -> None:
    form = {"ethernet.address": address, "ethernet.netmask": netmask, "ethernet.gateway": gateway}
    assert list(refused(service, {"ethernet.dhcp": "false", **form})) == [path]
    service.change({"ethernet.dhcp": "true", **form})


def test_a_fixed_address_is_taken(service: SettingsService) -> None:
    service.change(
        {
            "ethernet.dhcp": "false",
            "ethernet.address": "192.168.1.10",
            "ethernet.netmask": "255.255.255.0",
            "ethernet.gateway": "192.168.1.1",
        }
    )
    assert str(service.stored.ethernet.address) == "192.168.1.10"


def test_a_section_can_be_given_as_a_whole_and_buses_as_a_list(service: SettingsService) -> None:
    changes = service.change(
        {
            "channels": {"plain_tcp": {"enabled": True, "bus": "attic"}},
            "buses": [{"name": "main"}, {"name": "attic", "url": "/dev/ttyUSB1"}],
            "panel.led_names": {"power_red": "red"},
        }
    )
    assert all(change.needs_restart for change in changes)
    assert Change("buses.1.url", None, "/dev/ttyUSB1", needs_restart=True) in changes
    assert len(service.running.buses) == 1
    assert service.change({"buses.1.timeout": "1"})
    assert service.change({"device.name": "x"})
    assert service.running.device.name == "x"
    service.change({"buses": [{"name": "main"}], "channels.plain_tcp.bus": ""})
    assert [bus.name for bus in service.stored.buses] == ["main"]


def test_two_changes_at_once_do_not_lose_one_another(store: Store, service: SettingsService) -> None:
    begin = threading.Barrier(8)
    paths = ["timeout", "retries"]

    def change(number: int) -> None:
        begin.wait()
        service.change(
            {f"buses.0.{paths[number % 2]}": 1, f"web.{'idle_minutes' if number % 2 else 'longest_hours'}": 9}
        )

    threads = [threading.Thread(target=change, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    settings = store.load().settings
    assert (settings.buses[0].timeout, settings.buses[0].retries) == (1, 1)
    assert (settings.web.idle_minutes, settings.web.longest_hours) == (9, 9)


def test_what_somebody_wrote_into_the_file_meanwhile_is_kept(store: Store, service: SettingsService) -> None:
    text = store.path.read_text().replace("retries = 3", "retries = 1").replace('name = ""', 'name = "Attic"')
    store.path.write_text(text)
    heard: list[tuple[Change, ...]] = []
    service.subscribe(heard.append)
    assert [change.path for change in service.change({"buses.0.timeout": 1})] == ["buses.0.timeout"]
    assert store.load().settings.buses[0].retries == 1
    assert service.running.device.name == "Attic"
    assert {change.path for change in heard[0]} == {"buses.0.timeout", "buses.0.retries", "device.name"}


def test_a_damaged_file_is_told_and_kept_when_it_is_written_anew(store: Store) -> None:
    store.save(Settings.model_validate({"device": {"name": "first"}}))
    store.save(Settings.model_validate({"device": {"name": "second"}}))
    store.path.write_text("version = 3\nsurprise = ")
    service = SettingsService(store, store.load())
    assert str(store.path) in service.problem
    assert service.stored.device.name == "first"
    with pytest.raises(SettingsError):
        service.change({"buses.0.timeout": 9})
    assert service.problem
    assert service.change({"device.name": "first"}) == ()
    assert service.problem == ""
    assert store.load() == Loaded(service.stored, store.path)
    assert store.damaged_path.read_text() == "version = 3\nsurprise = "


def test_a_file_damaged_while_the_master_runs_does_not_spoil_a_change(
    store: Store, service: SettingsService
) -> None:
    service.change({"device.name": "Cellar"})
    store.path.write_text("rubbish")
    service.change({"buses.0.timeout": 1})
    settings = store.load().settings
    assert (settings.device.name, settings.buses[0].timeout) == ("Cellar", 1)


def test_a_disk_that_refuses_leaves_everything_as_it_was(
    store: Store, service: SettingsService, tmp_path: Path
) -> None:
    service = SettingsService(Store(tmp_path / "missing" / "mbusmaster.toml"), store.load())
    with pytest.raises(SettingsError, match="cannot write"):
        service.change({"device.name": "Cellar"})
    assert service.stored == service.running == Settings()


def test_who_listens_hears_of_changes_until_it_ends(service: SettingsService) -> None:
    heard: list[tuple[Change, ...]] = []
    end = service.subscribe(heard.append)
    changes = service.change({"device.name": "Cellar"})
    end()
    end()
    service.change({"device.name": "Attic"})
    assert heard == [changes]


def test_a_listener_that_fails_stops_neither_the_change_nor_the_others(
    service: SettingsService, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[tuple[Change, ...]] = []

    def fail(_: tuple[Change, ...]) -> None:
        raise RuntimeError("no")

    service.subscribe(fail)
    service.subscribe(heard.append)
    assert service.change({"device.name": "Cellar"})
    assert len(heard) == 1
    assert "could not take over" in caplog.text


async def test_a_listener_in_an_event_loop_is_called_there_when_a_thread_changes(
    service: SettingsService,
) -> None:
    called = asyncio.Event()
    threads: list[threading.Thread] = []

    def listen(_: tuple[Change, ...]) -> None:
        threads.append(threading.current_thread())
        called.set()

    service.subscribe(listen)
    await asyncio.to_thread(service.change, {"device.name": "Cellar"})
    await called.wait()
    service.change({"device.name": "Attic"})
    assert threads == [threading.current_thread()] * 2


def test_a_listener_whose_loop_has_ended_is_passed_over(service: SettingsService) -> None:
    heard: list[tuple[Change, ...]] = []

    async def subscribe() -> None:
        service.subscribe(heard.append)

    asyncio.run(subscribe())
    assert service.change({"device.name": "Cellar"})
    assert heard == []


def test_restored_settings_leave_what_belongs_to_this_machine(service: SettingsService) -> None:
    service.change({"state_folder": "/srv/here", "panel.led_names.power_red": "red", "web.port": 8080})
    other = Settings.model_validate(
        {
            "state_folder": "/tmp/elsewhere",
            "device": {"name": "Other", "serial_number": "4711"},
            "web": {"port": 1, "setup_address": "127.0.0.1", "idle_minutes": 5},
            "panel": {"led_names": {"mbus_red": "x"}, "virtual_button": True},
            "buses": [{"url": "/dev/ttyUSB7"}, {"name": "b"}],
        }
    )
    changes = {change.path for change in service.replace(other)}
    assert {"device.name", "web.idle_minutes", "buses.0.url", "buses.1.name"} <= changes
    assert not changes & {"state_folder", "device.serial_number", "web.port", "web.setup_address"}
    assert not any(path.startswith("panel.") for path in changes)
    assert service.stored.panel.led_names == {"power_red": "red"}


def test_restored_settings_that_do_not_fit_this_machine_are_refused(service: SettingsService) -> None:
    service.change({"web.port": 8080})
    other = Settings.model_validate({"channels": {"secured_tcp": {"port": 8080}}})
    with pytest.raises(SettingsError) as caught:
        service.replace(other)
    assert list(caught.value.fields) == ["web.port"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
PATHS = st.sampled_from(
    [*values(Settings()), "buses", "channels", "channels.plain_tcp", "panel.led_names", "ethernet"]
)


class NoDisk(Store):
    def save(self, settings: Settings) -> None:
        pass


@given(st.dictionaries(PATHS | st.text(max_size=20), JSON, max_size=3))
def test_whatever_is_asked_is_done_or_refused(changes: dict[str, object]) -> None:
    service = SettingsService(NoDisk(Path("nowhere.toml")), Loaded(Settings(), None))
    with contextlib.suppress(SettingsError):
        service.change(changes)
    Settings.model_validate(service.stored.model_dump(mode="json"))
    assert all(change.needs_restart for change in service.pending())
