"""A bus through a head-end: what an operator's program, the head-end, and the master say to each other inside of a tunnel.

====================  =============================================================================================
frames.py             the frames, and how many bytes may be on their way; no I/O
streaming.py          one HTTP request whose body and answer go on side by side: it carries the frames on each leg
end.py                one end of a tunnel: an operator's program, or a master
====================  =============================================================================================

Operator and master each dial out to the head-end, which passes frames between them. A request that streams needs no protocol
beside HTTP/1.1, on any port where there is HTTP already; who stands between must not collect a body before it passes it on.
"""
