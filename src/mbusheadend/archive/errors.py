"""What goes wrong with an archive."""

from mbusheadend.errors import HeadEndError


class ArchiveError(HeadEndError):
    """A file of the archive cannot be read or written, or is not what it ought to be; says which."""
