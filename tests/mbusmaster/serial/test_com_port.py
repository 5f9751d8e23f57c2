"""What an RFC 2217 client sets, and what it is told: transcripts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbusmaster.channels.com_port import (
    COM_PORT,
    ComPort,
    ComPortEvent,
    Flow,
    PurgeAnswers,
    Rate,
    Refused,
)
from mbusmaster.channels.telnet import DO, IAC, WILL, Data, Subnegotiation, TelnetDecoder, subnegotiation

RATES = frozenset((300, 2400, 9600, 19200))
WILL_COM_PORT = bytes((IAC, WILL, COM_PORT))


class Client:
    """The other side of a port, which has been told the state of the modem."""

    def __init__(self, carrier: bool = True, begin: bytes = WILL_COM_PORT) -> None:
        self.carrier = carrier
        self.port = ComPort("mbusmaster 1", baud=2400, rates=RATES, has_carrier=lambda: self.carrier)
        self.first_told = self.told(begin)

    def ask(self, *content: int) -> tuple[list[ComPortEvent], list[bytes]]:
        events, answer = self.port.feed(subnegotiation(bytes((COM_PORT, *content))))
        told = TelnetDecoder().feed(answer)
        return events, [event.data[1:] for event in told if isinstance(event, Subnegotiation)]

    def told(self, data: bytes) -> list[bytes]:
        _, answer = self.port.feed(data)
        return [e.data[1:] for e in TelnetDecoder().feed(answer) if isinstance(e, Subnegotiation)]


def baud(rate: int) -> tuple[int, ...]:
    return tuple(rate.to_bytes(4))


@pytest.mark.parametrize("rate", sorted(RATES))
def test_a_rate_of_m_bus_is_set_and_confirmed(rate: int) -> None:
    assert Client().ask(1, *baud(rate)) == ([Rate(rate)], [bytes((101, *baud(rate)))])


@pytest.mark.parametrize("rate", [1, 255, 600, 115200, 0xFFFFFFFF])
def test_another_rate_is_refused_by_telling_what_is_in_force(rate: int) -> None:
    events, told = Client().ask(1, *baud(rate))
    assert [type(event) for event in events] == [Refused]
    assert told == [bytes((101, *baud(2400)))]


def test_a_rate_of_nought_asks_for_the_one_in_force() -> None:
    client = Client()
    client.ask(1, *baud(9600))
    assert client.ask(1, *baud(0)) == ([], [bytes((101, *baud(9600)))])


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ((2, 0), (102, 8)), ((2, 8), (102, 8)), ((3, 0), (103, 3)), ((3, 1), (103, 1)), ((3, 3), (103, 3)),
        ((4, 0), (104, 1)), ((4, 1), (104, 1)), ((5, 0), (105, 1)), ((5, 1), (105, 1)), ((5, 3), (105, 1)),
        ((5, 5), (105, 6)), ((5, 7), (105, 8)), ((5, 9), (105, 9)), ((5, 10), (105, 11)), ((5, 12), (105, 12)),
        ((5, 13), (105, 14)), ((5, 16), (105, 14)), ((0,), (100, *b"mbusmaster 1")), ((11, 0), (111, 0)),
        ((12, 2), (112, 2)),
    ],
)  # fmt: skip
def test_each_setting_is_answered_with_what_is_in_force(
    asked: tuple[int, ...], told: tuple[int, ...]
) -> None:
    assert Client().ask(*asked) == ([], [bytes(told)])


@pytest.mark.parametrize(
    ("asked", "told"), [((2, 7), (102, 8)), ((3, 2), (103, 3)), ((3, 5), (103, 3)), ((4, 2), (104, 1))]
)
def test_what_the_bus_is_not_is_refused_by_telling_what_it_is(
    asked: tuple[int, ...], told: tuple[int, ...]
) -> None:
    events, answer = Client().ask(*asked)
    assert [type(event) for event in events] == [Refused]
    assert answer == [bytes(told)]


def test_the_client_may_suspend_the_flow_and_purge_what_is_held() -> None:
    client = Client()
    assert client.ask(8) == ([Flow(goes=False)], [])
    assert client.ask(9) == ([Flow(goes=True)], [])
    assert client.ask(12, 1) == ([PurgeAnswers()], [bytes((112, 1))])
    assert client.ask(12, 3) == ([PurgeAnswers()], [bytes((112, 3))])


def test_the_line_state_is_told_when_its_mask_asks_for_it() -> None:
    assert Client().ask(10, 0x1E) == ([], [bytes((110, 0x1E))])
    assert Client().ask(10, 0xFF) == ([], [bytes((110, 0xFF)), bytes((106, 0x60))])


def test_the_modem_state_is_told_at_first_on_request_and_when_the_converter_goes() -> None:
    client = Client()
    assert client.first_told == [bytes((107, 0xBB))]
    assert client.ask(7) == ([], [bytes((107, 0xBB))])
    assert client.told(b"x") == []
    client.carrier = False
    assert client.told(b"x") == [bytes((107, 0x38))]
    client.ask(11, 0x80)
    client.carrier = True
    assert client.told(b"x") == [bytes((107, 0x80))]


def test_a_client_that_has_heard_the_servers_wish_may_begin_without_telling() -> None:
    told = Client(begin=subnegotiation(bytes((COM_PORT, 2, 0)))).first_told
    assert told == [bytes((102, 8)), bytes((107, 0xBB))]


def test_a_client_that_does_not_speak_it_is_told_nothing_and_its_data_passes() -> None:
    port = Client(begin=b"").port
    assert port.feed(b"\x10\x40\x05\x45\x16") == ([Data(b"\x10\x40\x05\x45\x16")], b"")
    assert port.overhead == 0


def test_settings_and_data_keep_their_order() -> None:
    events, _ = Client().port.feed(b"a" + subnegotiation(bytes((COM_PORT, 1, *baud(300)))) + b"b")
    assert events == [Data(b"a"), Rate(300), Data(b"b")]


def test_the_server_offers_and_asks_for_what_it_needs() -> None:
    assert bytes((IAC, DO, COM_PORT)) in Client().port.begin()


@given(st.lists(st.binary(max_size=40) | st.binary(max_size=20).map(lambda d: subnegotiation(b"\x2c" + d))))
def test_any_bytes_are_answered_with_bounded_ones(chunks: list[bytes]) -> None:
    port = Client(begin=b"").port
    total = 0
    for chunk in chunks:
        _, answer = port.feed(chunk)
        total += len(chunk)
        assert len(answer) <= 10 * len(chunk) + 10
    assert 0 <= port.overhead <= total
    assert port.baud in RATES
