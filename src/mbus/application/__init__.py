"""Application layer of EN 13757-3: headers, records, data types, commands; without any I/O."""
