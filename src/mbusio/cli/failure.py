"""Why a command cannot do what was asked."""


class CommandError(Exception):
    """One line that says what went wrong and what to do."""
