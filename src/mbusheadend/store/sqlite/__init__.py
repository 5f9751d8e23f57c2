"""The store on one machine: one SQLite file, survivor of power cuts (WAL, synchronous=FULL)."""
