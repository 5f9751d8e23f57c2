"""What the kernel says of an interface now."""

import fcntl
import socket
import struct
from array import array
from ipaddress import IPv4Address
from typing import Final

_GET_ADDRESSES: Final = 0x8912
"""SIOCGIFCONF (netdevice(7))."""
_NAME_AND_ADDRESS: Final = struct.Struct("16sHH4s")
# A row is the name and the longest of what may follow it: struct ifmap, two longs, a short and three bytes.
_ROW: Final = struct.calcsize("16sLLHBBB0L")
_MOST_ROWS: Final = 256


def addresses_of(interface: str) -> tuple[IPv4Address, ...]:
    """Give the IPv4 addresses of a network device; none if there is no such device."""
    room = array("B", bytes(_ROW * _MOST_ROWS))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        pointer = struct.pack("iP", len(room), room.buffer_info()[0])
        used: int = struct.unpack("iP", fcntl.ioctl(sock, _GET_ADDRESSES, pointer))[0]
    found = []
    for at in range(0, used, _ROW):
        label, family, _, address = _NAME_AND_ADDRESS.unpack_from(room, at)
        # An address may have a label of its own, such as eth0:1.
        name = label.rstrip(b"\0").decode("ascii", "replace").partition(":")[0]
        if family == socket.AF_INET and name == interface:
            found.append(IPv4Address(address))
    return tuple(found)
