"""ARP packets: written, read, and what says that an address is taken (RFC 826, RFC 5227)."""

import socket
from ipaddress import IPv4Address

from hypothesis import given
from hypothesis import strategies as st

from mbusmaster.helper.network.arp import NOBODY, REPLY, REQUEST, ArpFrame, heard

OWN = bytes.fromhex("020000000001")
OTHER = bytes.fromhex("020000000002")
ADDRESS = IPv4Address("192.168.1.20")
PROBE = bytes.fromhex(
    "ffffffffffff 020000000001 0806"
    "0001 0800 06 04 0001 020000000001 00000000 000000000000 c0a80114"
).ljust(60, b"\0")  # fmt: skip


def test_a_probe_says_no_address_of_its_own() -> None:
    frame = ArpFrame(REQUEST, OWN, NOBODY, ADDRESS)
    assert frame.to_bytes() == PROBE
    assert ArpFrame.from_bytes(PROBE) == frame


def test_an_answer_goes_to_who_asked() -> None:
    frame = ArpFrame(REPLY, OTHER, ADDRESS, NOBODY, OWN)
    assert frame.to_bytes().startswith(OWN + OTHER)
    assert ArpFrame.from_bytes(frame.to_bytes()) == frame


def test_who_speaks_with_the_address_or_probes_for_it_too_has_it() -> None:
    elsewhere = IPv4Address("192.168.1.21")
    assert ArpFrame(REPLY, OTHER, ADDRESS, NOBODY, OWN).claims(ADDRESS, OWN)
    assert ArpFrame(REQUEST, OTHER, ADDRESS, elsewhere).claims(ADDRESS, OWN)
    assert ArpFrame(REQUEST, OTHER, NOBODY, ADDRESS).claims(ADDRESS, OWN)
    assert not ArpFrame(REQUEST, OTHER, elsewhere, ADDRESS).claims(ADDRESS, OWN)
    assert not ArpFrame(REQUEST, OWN, NOBODY, ADDRESS).claims(ADDRESS, OWN)


@given(st.binary(max_size=80))
def test_anything_else_is_no_arp(frame: bytes) -> None:
    read = ArpFrame.from_bytes(frame)
    assert read is None or ArpFrame.from_bytes(read.to_bytes()) is not None


@given(st.integers(min_value=0, max_value=41))
def test_a_packet_that_is_cut_off_is_none(length: int) -> None:
    assert ArpFrame.from_bytes(PROBE[:length]) is None


async def test_a_flood_of_packets_does_not_keep_the_time_from_passing() -> None:
    here, there = socket.socketpair(type=socket.SOCK_DGRAM)
    here.setblocking(False)
    packets = iter(range(1_000_000))

    def one_more(frame: ArpFrame) -> bool:
        next(packets)
        there.send(PROBE)
        return False

    with here, there:
        there.send(PROBE)
        assert await heard(here, 0.01, one_more) is None
