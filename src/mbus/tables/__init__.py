"""The tables of EN 13757-3 as rows."""
