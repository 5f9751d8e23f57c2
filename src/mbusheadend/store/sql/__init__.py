"""The parts of the store in the SQL that SQLite and PostgreSQL both understand; each has its own tables, threads and intake."""
