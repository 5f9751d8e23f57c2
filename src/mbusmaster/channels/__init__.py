"""The doors through which reading software reaches a bus.

`session` is one client on a byte stream, `limits` says how many there may be. `listener` and `tcp` are what all channels over TCP
share; `plain_tcp`, `secured_tcp` (with `trust`, `tls_stream`) and `rfc2217` are such channels, `serial_port` is the one over a
cable. `doors` keeps them closed until somebody has taken the master into use.
"""
