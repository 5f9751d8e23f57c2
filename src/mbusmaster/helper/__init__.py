"""What needs root: a small service beside the gateway, which asks it over a socket of the file system.

The gateway runs as a user of its own without rights. The few deeds that need more are verbs of this service, each with few
arguments that are checked here again: an attacker who has the gateway can say these verbs and nothing else.

============  ==================================================================================================
protocol.py   one request and its answers as lines of JSON, the same for both ends
errors.py     why a deed was not done, in words that pages can translate
client.py     the end of the gateway
server.py     the end of the service: who may ask, one deed of a kind at a time
verbs.py      the table of all verbs
network/      the addresses of the Ethernet port: on trial, kept, taken back
clock.py      the clock of the system
slots/        releases: checked, installed into the other slot, counted at their first starts
setup_net/    the USB gadget with its network
============  ==================================================================================================
"""
