"""Talking to a bus: transports, one transaction on a line, a driver for procedures, the command `mbus`."""
