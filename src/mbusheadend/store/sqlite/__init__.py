"""The store on one machine: one SQLite file, survivor of power cuts (WAL, synchronous=FULL).

=============  =======================================================================================================
store.py       all parts over one file
database.py    the file, its threads and transactions
connection.py  the common SQL as SQLite has it
tables.py      the tables, step by step
upkeep.py      giving up what is old, backups
restoring.py   bringing a backup back
=============  =======================================================================================================
"""
