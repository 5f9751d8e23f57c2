"""Tunnels: somebody reads the bus of a master by way of the head-end, on connections that both dial out.

====================  =============================================================================================
tunnels.py            ordering one from a master, listing, ending; the operator's half
master_api.py         where masters dial; their half
relay.py, wire.py     a half: frames from a connection to the other half and back, looked at as they pass
envelope.py           what the halves say to each other through it
errors.py             why there is none
figures.py            for Prometheus
====================  =============================================================================================
"""

from mbusheadend.courier import Courier, CourierHere, CourierLostError, Subscription
from mbusheadend.tunnel.errors import TunnelError, Why
from mbusheadend.tunnel.master_api import TunnelApi
from mbusheadend.tunnel.tunnels import Asked, Opened, Tunnels
from mbusheadend.tunnel.wire import StreamingAnswer, take_time

__all__ = [
    "Asked",
    "Courier",
    "CourierHere",
    "CourierLostError",
    "Opened",
    "StreamingAnswer",
    "Subscription",
    "TunnelApi",
    "TunnelError",
    "Tunnels",
    "Why",
    "take_time",
]
