"""A simulated M-Bus: meters, their slave link rules, the physics of the wire; in virtual time, over TCP or over a pty.

It shares frames, times and telegram encoding with the master (`mbus`), but none of its state machines: what a slave does with
frame count bits and selections is written here anew, so that both sides are judged by the same golden bytes.
"""
