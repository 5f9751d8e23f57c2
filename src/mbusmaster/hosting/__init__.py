"""Hosted reading, the master's side: it calls the head-end, reads as it is told to, keeps what was read and hands it over.

==================================  ==============================================================================
service.py                          the whole of it, on and off as the settings say; what `app` wires
agent.py, report.py                 contacts and deliveries; how the master is
alarms.py, state.py                 what must be looked at; how it stands, for pages and lamps
orders.py, plans.py                 the schedules in force, and what is due of each
commands.py                         what the head-end asks for once
errands.py                          what it asks for that is no reading
rounds.py, busrounds.py             begins rounds; carries them out, one bus beside the other
reader.py, taken.py, meters.py      reads one meter (guide 3.1.5); the reading; what is known of each
outbox.py, rows.py, packing.py      readings that wait, and the history
waits.py                            waiting for news, but not longer than so long
database.py                         the file behind all that, ``hosting.db`` in the state folder
link.py, connection.py, places.py   HTTPS to the head-end, and where that is
explain.py, link_errors.py          what went wrong on the way, and what helps
tunnels.py, dialling.py             lets operators of the head-end read a bus, on a connection of its own
enrolment.py, credentials.py        how this master is taken in, and what proves who it is
==================================  ==============================================================================
"""
