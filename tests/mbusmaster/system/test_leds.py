"""The table of lamps, line by line."""

import pytest

from mbusmaster.bus.health import BusState, Health
from mbusmaster.bus.line.reading import LineReading
from mbusmaster.system.leds import (
    ALL_DARK,
    DARK,
    FLASHING,
    GREEN,
    OVERTEMPERATURE,
    RED,
    PanelFacts,
    PanelState,
    is_too_hot,
    panel_state,
)

IDLE = Health(BusState.IDLE)
ACTIVE = Health(BusState.ACTIVE)
FAULT = Health(BusState.FAULT, "unplugged")


def cut_off(condition: str) -> Health:
    return Health(BusState.SHUT_DOWN, condition, LineReading(0.0, 0.0, 95.0, True, condition))


def facts(*buses: Health, **more: bool) -> PanelFacts:
    return PanelFacts(True, buses or (IDLE,), **more)


def test_a_master_that_ends_shows_nothing() -> None:
    assert panel_state(PanelFacts(False, (FAULT,), True, True, True, True)) == ALL_DARK == PanelState()


def test_a_master_that_runs_and_has_nothing_to_do_shows_power_and_bus() -> None:
    assert panel_state(facts()) == PanelState(power=RED, mbus=GREEN)


@pytest.mark.parametrize(
    ("health", "lamp"),
    [
        (IDLE, GREEN),
        (ACTIVE, FLASHING),
        (FAULT, RED),
        (cut_off("overload"), RED),
        (cut_off("short circuit"), RED),
        (cut_off(OVERTEMPERATURE), RED),
    ],
)
def test_the_bus_lamp_shows_the_state_of_the_bus(health: Health, lamp: object) -> None:
    assert panel_state(facts(health)).mbus == lamp


def test_of_several_buses_a_fault_counts_before_activity_and_activity_before_rest() -> None:
    assert panel_state(facts(IDLE, ACTIVE)).mbus == FLASHING
    assert panel_state(facts(ACTIVE, FAULT, IDLE)).mbus == RED


def test_no_bus_at_all_is_a_fault() -> None:
    assert panel_state(PanelFacts(True)).mbus == RED


@pytest.mark.parametrize(
    ("time_server", "update_server", "lamp"),
    [(True, True, GREEN), (True, False, DARK), (False, True, DARK), (False, False, DARK)],
)
def test_the_data_lamp_needs_time_server_and_update_server(
    time_server: bool, update_server: bool, lamp: object
) -> None:
    assert panel_state(facts(time_server=time_server, update_server=update_server)).data == lamp


@pytest.mark.parametrize(
    ("health", "lamp"),
    [
        (cut_off(OVERTEMPERATURE), RED),
        (cut_off("overload"), DARK),
        (cut_off("short circuit"), DARK),
        (FAULT, DARK),
        (IDLE, DARK),
    ],
)
def test_the_overload_lamp_shows_temperature_and_nothing_else(health: Health, lamp: object) -> None:
    assert panel_state(facts(IDLE, health)).overload == lamp


def test_a_hot_driver_that_still_works_is_not_cut_off() -> None:
    assert not is_too_hot(Health(BusState.IDLE, line=LineReading(10.0, 3.0, 95.0, False, OVERTEMPERATURE)))


@pytest.mark.parametrize(
    ("link", "traffic", "lamp"),
    [(True, False, GREEN), (True, True, FLASHING), (False, False, DARK), (False, True, DARK)],
)
def test_the_ethernet_lamp_shows_link_and_traffic(link: bool, traffic: bool, lamp: object) -> None:
    assert panel_state(facts(link=link, traffic=traffic)).ethernet == lamp


def test_the_lamps_are_named_from_left_to_right() -> None:
    lamps = list(panel_state(facts(link=True)).lamps())
    assert [name for name, _ in lamps] == ["power", "mbus", "data", "overload", "ethernet"]
    assert dict(lamps)["ethernet"] == GREEN
