import socket
import struct
from ipaddress import ip_address, ip_interface

from mbusmaster.addresses import addresses_of, parse_answer

DONE = struct.pack("=IHHIII", 20, 3, 2, 1, 0, 0)


def message(
    address: str, bits: int, *, index: int = 2, scope: int = 0, flags: int = 0x80, peer: str = ""
) -> bytes:
    raw = ip_address(address).packed
    family = socket.AF_INET if len(raw) == 4 else socket.AF_INET6
    first = ip_address(peer).packed if peer else raw
    attributes = struct.pack("=HH", 4 + len(raw), 1) + first
    if len(raw) == 4:
        attributes += struct.pack("=HH", 8, 2) + raw
        attributes += struct.pack("=HH", 9, 3) + b"eth0\0" + bytes(3)
    body = struct.pack("=BBBBI", family, bits, flags, scope, index) + attributes
    return struct.pack("=IHHII", 16 + len(body), 20, 2, 1, 0) + body


def test_the_addresses_of_the_device_are_found_among_others() -> None:
    answer = message("127.0.0.1", 8, index=1, scope=254) + message("192.168.1.10", 24)
    answer += message("192.168.2.10", 24, index=3) + message("2001:db8::10", 64) + DONE
    assert parse_answer(answer, 2) == (
        [ip_interface("192.168.1.10/24"), ip_interface("2001:db8::10/64")],
        True,
    )


def test_an_answer_may_go_on_in_another_datagram() -> None:
    assert parse_answer(message("192.168.1.10", 24), 2) == ([ip_interface("192.168.1.10/24")], False)
    assert parse_answer(DONE, 2) == ([], True)
    assert parse_answer(b"", 2) == ([], True)


def test_addresses_of_the_link_and_those_not_in_use_do_not_count() -> None:
    answer = message("fe80::1", 64, scope=253) + message("2001:db8::1", 64, flags=0x40)
    answer += message("2001:db8::2", 64, flags=0x20) + message("2001:db8::3", 64, flags=0x01) + DONE
    assert parse_answer(answer, 2) == ([], True)


def test_of_a_link_between_two_points_our_own_address_counts() -> None:
    answer = message("10.1.0.2", 32, peer="10.1.0.1") + DONE
    assert parse_answer(answer, 2)[0] == [ip_interface("10.1.0.2/32")]


def test_an_answer_that_is_cut_off_anywhere_does_no_harm() -> None:
    answer = message("192.168.1.10", 24) + DONE
    for length in range(len(answer)):
        parse_answer(answer[:length], 2)
    for position in range(len(answer)):
        parse_answer(answer[:position] + b"\0" + answer[position + 1 :], 2)


def test_the_kernel_is_asked_and_answers() -> None:
    assert ip_interface("127.0.0.1/8") not in addresses_of(socket.if_nametoindex("lo"))
    assert addresses_of(0x7FFFFFFF) == ()
