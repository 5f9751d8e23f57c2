"""The transparent channel without encryption: TCP, off by default (guide 3.1.4; MBUS.md 10.1)."""

from typing import Final

from mbusmaster.bus.engine import BusEngine
from mbusmaster.channels.listener import ChannelError
from mbusmaster.channels.tcp import PlainDoor, TcpChannel
from mbusmaster.settings import PlainTcpSettings

__all__ = ["NAME", "ChannelError", "PlainTcpChannel"]

NAME: Final = "plain tcp"


class PlainTcpChannel(TcpChannel):
    """Serves everybody who reaches the port."""

    def __init__(self, settings: PlainTcpSettings, engine: BusEngine) -> None:
        super().__init__(NAME, "channels.plain_tcp", settings, engine, PlainDoor())
