"""The parts of the store in the SQL that SQLite and PostgreSQL both understand; each has its own tables, threads and intake.

=====================================================  ===============================================================
connection.py, moments.py, rows.py, found.py           what the parts need of a database; moments; rows, read
parts.py                                               all parts together, as a store
intake.py, owners.py, places.py, interned.py           batches taken in; whose a reading is; what many share
queries.py, browsing.py, viewing.py, archiving.py      readings, lists, plots, and whole months of readings
fleet.py, groups.py, keys.py, local.py, enrolment.py   masters and meters, their groups and keys, how they are taken in
sealed.py                                              secrets that are no keys of meters
schedules.py, wanted.py, expectations.py, arrivals.py  what is wanted, what ought to come, and what came
judged.py, alarms.py, notifying.py, filling.py         what the watch remembers, alarms, messages of them, gaps
rollouts.py, shared.py, progress.py, upkeep.py         rollouts, what processes share, how far jobs are, cleaning up
=====================================================  ===============================================================
"""
