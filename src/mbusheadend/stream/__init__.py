"""Uploads by way of a NATS JetStream of three nodes: acknowledged when it holds them, written to the store from there.

============  =======================================================================================================
settings.py   where the stream is, and how much it keeps
format.py     what a message looks like: subject, headers, body; also for other systems (docs/stream.md)
link.py       the connection: made again for ever, TLS, publishing with acknowledgement
calls.py      calls of the client that end for sure
layout.py     the streams and the consumers: made at the start, and checked
intake.py     what takes the place of the store for uploads
writer.py     takes messages to the store: each reading once, whatever comes twice or fails
lanes.py      batches of one master go to the store one after the other
keeping.py    gives up what is written and old enough; nothing else is ever given up
dead.py       dead letters: what cannot be stored, with why; looked at and tried again
service.py    all of it, for whoever runs it
figures.py    how it is: for Prometheus and for pages
============  =======================================================================================================

Nothing is imported here: settings are read also where the stream's client is not installed.
"""
