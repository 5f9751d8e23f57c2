"""The doors through which reading software reaches a bus.

`session` is one client on a byte stream, `limits` says how many there may be, `plain_tcp` listens.
"""
