"""What a master and its head-end say to each other: messages without behaviour, defined once for both ends (DESIGN 5.9).

The master calls, the head-end answers; every exchange is one HTTPS request with the master's certificate (only enrolment goes by
a token). Paths begin with ``/hosting/v1``. Bodies are JSON, of readings compressed with gzip. A field that an end does not know
is left alone, so that each may be older than the other; what it knows is checked strictly and bounded.

=================  ==================================================================================================
contact.py         the master calls: how it is; the head-end answers with orders, at once or as soon as there is news
schedules.py       which meters are read, when, and how
slots.py           when that is: the one thing that is computed here, as both ends must agree on it
readings.py        what was read: batches, and the receipt for them
enrolment.py       the token with which a master is taken in
firmware.py        where releases for masters are, and the order to take one
fleet_settings.py  settings that are set from the head-end, and what a master answers
tunnel.py          letting somebody read a bus by way of the head-end
parts.py           what messages are made of
=================  ==================================================================================================
"""
