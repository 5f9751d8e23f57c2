"""The setup network: this machine as a USB device with a serial port and a network of two machines, 10.0.0.0/24 (guide 3).

============  ==========================================================================================
gadget.py     the USB device, as the kernel wants it described
firewall.py   who may reach the address of the setup network
network.py    the device's address, and all of it up or down: ``python -m mbusmaster.helper setup-network``
============  ==========================================================================================
"""

from mbusmaster.helper.setup_net.network import setup_network

__all__ = ["setup_network"]
