import pytest

from mbus.application.commands import req_ud2, snd_nke
from mbus.link.frames import parse_frame
from mbus.link.transaction import Ack, Garbled, Outcome, Reply, Silence
from mbus.link.transaction import Fault as Why
from mbus.procedures.steps import Expects, Procedure, Request
from mbussim.bus import Bus
from mbussim.faults import DEFAULTS, Fault, FaultError
from mbussim.installation import MAX_FAULTS, Installation, InstallationError
from mbussim.meter import Traits, plain_meters
from mbussim.population import population
from mbussim.virtual import VirtualMaster


class Site:
    """Three meters, and a master that asks single questions."""

    def __init__(self, meters: int = 3, traits: Traits | None = None) -> None:
        self.bus = Bus.of(plain_meters(population(meters, "random", 1), reply_bytes=40, traits=traits))
        self.installation = Installation(self.bus)
        self.master = VirtualMaster(self.bus)

    def fault(self, text: str) -> int:
        return self.installation.add_fault(Fault.from_text(text))

    def ask(self, address: int, *, baud: int = 2400) -> Outcome:
        self.master.baud = baud
        return self._do(Request(req_ud2(address, fcb=True), Expects.RESPONSE))

    def init(self, address: int) -> Outcome:
        return self._do(Request(snd_nke(address), Expects.ACK))

    def _do(self, request: Request) -> Outcome:
        def one() -> Procedure[Outcome]:
            outcome = yield request
            assert outcome is not None
            return outcome

        return self.master.run(one()).result


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", "loss", "loss=2", "loss=x", "deaf", "late=-1", "late=0.1,meter=251", "dead,meter=xyz", "dead,colour=3",
     "checksum,probability=7", "late=inf", "late=nan"],
)  # fmt: skip
def test_text_that_names_no_fault_is_refused(text: str) -> None:
    with pytest.raises(FaultError):
        Fault.from_text(text)


@pytest.mark.parametrize("kind", DEFAULTS)
def test_a_fault_can_be_written_and_read_again(kind: str) -> None:
    fault = Fault.from_text(f"{kind}=1,meter=5,probability=0.5")
    assert Fault.from_text(str(fault)) == fault


def test_a_dead_meter_is_silent_and_the_others_are_not(site: Site) -> None:
    number = site.fault("dead,meter=2")
    assert site.ask(2) == Silence()
    assert isinstance(site.ask(1), Reply)
    site.installation.remove_fault(number)
    assert isinstance(site.ask(2), Reply)


def test_a_meter_can_be_named_by_a_secondary_mask(site: Site) -> None:
    identity = site.bus.meters[1].secondary
    assert identity is not None
    site.fault(f"dead,meter={identity.identification}FFFFFFFF")
    assert isinstance(site.ask(1), Reply)
    assert site.ask(2) == Silence()


def test_a_late_answer_misses_the_window_and_a_slow_one_does_not(site: Site) -> None:
    site.fault("late=0.02,meter=1")
    site.fault("slow=5,meter=2")
    assert isinstance(site.ask(2), Reply)
    assert site.ask(1) == Silence()
    assert not isinstance(site.ask(3), Reply)


def test_a_wrong_checksum_damages_replies_and_leaves_acknowledgements(site: Site) -> None:
    site.fault("checksum")
    outcome = site.ask(1)
    assert isinstance(outcome, Garbled)
    assert outcome.why is Why.DAMAGED
    assert site.init(1) == Ack()


def test_a_probability_hits_some_and_not_others(site: Site) -> None:
    site.fault("checksum,probability=0.3")
    kinds = [type(site.ask(1)) for _ in range(100)]
    assert 15 <= kinds.count(Garbled) <= 45


def test_a_meter_can_be_deaf_at_one_rate(site: Site) -> None:
    site.fault("deaf=9600,meter=1")
    assert site.ask(1, baud=9600) == Silence()
    assert isinstance(site.ask(1, baud=2400), Reply)
    assert isinstance(site.ask(2, baud=9600), Reply)


def test_a_foreign_answer_is_that_of_another_meter(site: Site) -> None:
    site.fault("foreign,meter=2")
    site.ask(1)
    outcome = site.ask(2)
    assert isinstance(outcome, Garbled)
    assert outcome.why is Why.FOREIGN
    assert outcome.data[5] == 1
    parse_frame(outcome.data)


def test_an_echo_is_what_was_sent_and_is_recognised(site: Site) -> None:
    site.fault("echo")
    assert isinstance(site.ask(1), Reply)
    assert site.ask(99) == Silence()


def test_noise_falls_into_windows_that_would_be_silent(site: Site) -> None:
    site.fault("noise=1")
    outcomes = [site.ask(99) for _ in range(20)]
    assert all(isinstance(outcome, Garbled | Ack | Silence) for outcome in outcomes)
    assert sum(isinstance(outcome, Garbled) for outcome in outcomes) > 10


def test_lost_answers_are_silence(site: Site) -> None:
    site.fault("loss=1")
    assert site.ask(1) == Silence()


def test_a_short_circuit_cuts_off_and_shows_in_the_state(site: Site) -> None:
    number = site.fault("short")
    assert site.ask(1) == Silence()
    state = site.installation.state(site.master.now)
    assert (state["line"], state["shut_down"], state["current_ma"]) == ("short circuit", True, 0.0)
    site.installation.remove_fault(number)
    assert isinstance(site.ask(1), Reply)
    assert site.installation.state(site.master.now + 9)["line"] == "idle"


def test_more_than_375_milliamperes_warn_and_more_than_550_cut_off(site: Site) -> None:
    site.fault("overload=400")
    assert site.installation.state(0)["line"] == "warning"
    assert isinstance(site.ask(1), Reply)
    site.fault("overload=200")
    assert site.installation.state(0)["line"] == "overload"
    assert site.ask(1) == Silence()


def test_a_driver_that_gets_too_hot_is_cut_off_until_it_has_cooled(site: Site) -> None:
    number = site.fault("heat")
    state = site.installation.state(0)
    assert (state["line"], state["shut_down"]) == ("overtemperature", True)
    assert site.ask(1) == Silence()
    site.installation.remove_fault(number)
    assert isinstance(site.ask(1), Reply)


def test_too_many_unit_loads_cut_the_bus_off() -> None:
    site = Site(100, Traits(unit_loads=4))
    assert isinstance(site.ask(1), Garbled | Reply)
    site.installation.remove_meters("100")
    site.installation._settle()
    assert site.installation.state(0)["idle_ma"] == 99 * 4 * 1.5
    assert site.ask(1) == Silence()


def test_two_senders_show_as_a_collision_in_the_current(site: Site) -> None:
    end = site.bus.transmit(bytes.fromhex("107BFE7916"), 0, 2400)
    state = site.installation.state(end + 0.05)
    assert state["collision"]
    assert state["line"] == "active"
    assert state["current_ma"] == 4.5 + 45


def test_the_driver_warms_with_its_load(site: Site) -> None:
    cold = site.installation.state(0)["temperature_c"]
    site.fault("overload=300")
    warm = site.installation.state(0)["temperature_c"]
    assert isinstance(cold, float)
    assert isinstance(warm, float)
    assert warm > cold + 10


def test_muted_meters_stay_as_a_load_and_removed_ones_do_not(site: Site) -> None:
    assert site.installation.mute_meters("2") == 1
    assert site.ask(2) == Silence()
    assert site.installation.state(0)["unit_loads"] == 3
    site.installation.mute_meters("2", muted=False)
    assert isinstance(site.ask(2), Reply)
    assert site.installation.remove_meters("2") == 1
    assert site.ask(2) == Silence()
    assert site.installation.state(0)["unit_loads"] == 2


def test_faults_and_meters_are_bounded(site: Site) -> None:
    for _ in range(MAX_FAULTS):
        site.fault("echo")
    with pytest.raises(InstallationError, match="already"):
        site.fault("echo")
    site.installation.clear_faults()
    assert site.installation.faults == {}
    assert site.bus.disturbances == []
    with pytest.raises(InstallationError, match="number 3"):
        site.installation.remove_fault(3)
