"""The addresses of the Ethernet port: on trial, kept, taken back (guide 3.1.2).

=====================  ==========================================================================================
plan.py                what is wanted, checked; which devices may be changed
arp.py                 is an address free, does the gateway answer
backend.py             what a manager of the network must be able to do
networkmanager.py      the first of two: NetworkManager
networkd.py            the second: systemd-networkd
nameservers.py         ``/etc/resolv.conf`` where no manager writes it
systembus.py           calls over D-Bus, for both
memory.py              what is still known when the helper was killed
trial.py               the trial itself
deeds.py               its verbs
phrases.py             what is said to people
=====================  ==========================================================================================
"""

from mbusmaster.helper.network.deeds import network_deeds

__all__ = ["network_deeds"]
