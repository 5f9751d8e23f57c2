"""What is wrong with packed data."""


class PackedError(ValueError):
    """These bytes were not packed here, or were damaged since."""
