"""The store of a big head-end: PostgreSQL, for any number of processes and tenants, readings in partitions by time."""
