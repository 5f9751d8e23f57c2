"""The addresses of a network device, asked from the kernel (rtnetlink(7)): one question, no library that stays in memory."""

import socket
import struct
from collections.abc import Iterator
from ipaddress import IPv4Interface, IPv6Interface, ip_interface
from typing import Final

Interface = IPv4Interface | IPv6Interface

_GET_ADDRESSES: Final = 22
_NEW_ADDRESS: Final = 20
_DONE: Final = 3
_ERROR: Final = 2
_DUMP_REQUEST: Final = 0x301
_HEADER: Final = struct.Struct("=IHHII")
_ADDRESS: Final = struct.Struct("=BBBBI")
_ATTRIBUTE: Final = struct.Struct("=HH")
_ATTRIBUTE_ADDRESS: Final = 1
_ATTRIBUTE_LOCAL: Final = 2
_SCOPE_GLOBAL: Final = 0
_NOT_IN_USE: Final = 0x01 | 0x08 | 0x20 | 0x40
"""Flags of IPv6: temporary, found twice, deprecated, not yet checked."""
_ANSWER: Final = 1 << 16
_WAIT: Final = 2.0


def addresses_of(index: int) -> tuple[Interface, ...]:
    """Give the global addresses of a network device, IPv4 first, each with the length of its network; none on trouble.

    :param index: number of the device in the system.
    """
    found: list[Interface] = []
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC) as sock:
            sock.settimeout(_WAIT)
            request = _ADDRESS.pack(socket.AF_UNSPEC, 0, 0, 0, 0)
            sock.send(
                _HEADER.pack(_HEADER.size + len(request), _GET_ADDRESSES, _DUMP_REQUEST, 1, 0) + request
            )
            is_done = False
            while not is_done:
                more, is_done = parse_answer(sock.recv(_ANSWER), index)
                found += more
    except OSError:
        return ()
    return tuple(sorted(found, key=lambda interface: interface.version))


def parse_answer(answer: bytes, index: int) -> tuple[list[Interface], bool]:
    """Give the global addresses of a device in one datagram of the kernel, and whether it was the last."""
    found: list[Interface] = []
    for kind, body in _messages(answer):
        if kind in (_DONE, _ERROR):
            return found, True
        if kind == _NEW_ADDRESS and len(body) >= _ADDRESS.size:
            interface = _interface(body, index)
            if interface is not None:
                found.append(interface)
    return found, not answer


def _messages(answer: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _HEADER.size <= len(answer):
        length, kind, _, _, _ = _HEADER.unpack_from(answer, at)
        if length < _HEADER.size:
            return
        yield kind, answer[at + _HEADER.size : at + length]
        at += _aligned(length)


def _interface(body: bytes, index: int) -> Interface | None:
    family, bits, flags, scope, device = _ADDRESS.unpack_from(body)
    if device != index or scope != _SCOPE_GLOBAL:
        return None
    if family == socket.AF_INET6 and flags & _NOT_IN_USE:
        return None
    attributes = dict(_attributes(body))
    # Of a point-to-point link the first is the other end's address and the second is ours.
    raw = attributes.get(_ATTRIBUTE_LOCAL) or attributes.get(_ATTRIBUTE_ADDRESS, b"")
    if len(raw) not in (4, 16):
        return None
    return ip_interface((raw, bits))


def _attributes(body: bytes) -> Iterator[tuple[int, bytes]]:
    at = _ADDRESS.size
    while at + _ATTRIBUTE.size <= len(body):
        length, kind = _ATTRIBUTE.unpack_from(body, at)
        if length < _ATTRIBUTE.size:
            return
        yield kind, body[at + _ATTRIBUTE.size : at + length]
        at += _aligned(length)


def _aligned(length: int) -> int:
    return (length + 3) & ~3
