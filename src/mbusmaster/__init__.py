"""The gateway: owner of a bus, door to it for reading software (DESIGN: the master)."""
