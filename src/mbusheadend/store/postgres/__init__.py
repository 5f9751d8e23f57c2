"""The store of a big head-end: PostgreSQL, for any number of processes and tenants, readings in partitions by time.

=============================================  =======================================================================
store.py                                       all parts over one database
server.py                                      how the server is reached, and what went wrong in words
database.py, connection.py                     threads and transactions; the common SQL as PostgreSQL has it
tables.py, ddl.py, migrating.py                the tables, made of those of SQLite, each row with its tenant
brief.py, indexes.py                           changing tables and making indexes while others work
partitions.py, upkeep.py, compacting.py        readings by when they were taken; giving up what is old, and gaps
intake.py, packing.py, meeting.py, storing.py  batches taken in together: packed, new meters met, stored
changes.py, leases.py, courier.py              news, locks and small messages between processes
people.py, sessions.py                         users and sessions, known to every process
moving.py, resealing.py                        from one file to a server, under another key file
=============================================  =======================================================================
"""
