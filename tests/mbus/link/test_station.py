from mbus.link.fields import REQ_UD2, SND_UD
from mbus.link.station import Stations


def test_the_first_counted_frame_after_initialisation_carries_one() -> None:
    stations = Stations()
    stations.initialised(5)
    assert stations.is_agreed(5)
    assert stations.control(REQ_UD2, 5) == 0x7B
    assert stations.fcb(5)


def test_the_bit_toggles_with_each_success_and_stays_for_a_repeat() -> None:
    stations = Stations()
    stations.initialised(5)
    stations.succeeded(5)
    assert stations.control(REQ_UD2, 5) == 0x5B
    assert stations.control(REQ_UD2, 5) == 0x5B
    stations.succeeded(5)
    assert stations.control(SND_UD, 5) == 0x73


def test_failure_voids_the_agreement_of_that_address_only() -> None:
    stations = Stations()
    stations.initialised(5)
    stations.initialised(6)
    stations.succeeded(5)
    stations.succeeded(6)
    stations.failed(5)
    assert not stations.is_agreed(5)
    assert stations.control(REQ_UD2, 5) == 0x7B
    assert stations.is_agreed(6)
    assert stations.control(REQ_UD2, 6) == 0x5B


def test_nothing_is_agreed_at_first_and_after_forgetting() -> None:
    stations = Stations()
    assert not stations.is_agreed(5)
    assert stations.fcb(5)
    stations.initialised(5)
    stations.forget()
    assert not stations.is_agreed(5)


def test_a_success_without_initialisation_agrees_on_the_other_bit() -> None:
    stations = Stations()
    stations.succeeded(5)
    assert stations.is_agreed(5)
    assert not stations.fcb(5)


def test_failing_an_unknown_address_changes_nothing() -> None:
    stations = Stations()
    stations.failed(5)
    assert not stations.is_agreed(5)
