"""What can be wrong with a settings file."""


class SettingsError(Exception):
    """The settings cannot be used; the message says where, what, and what to do.

    :ivar problems: one line for each thing that is wrong.
    """

    def __init__(self, message: str, problems: tuple[str, ...] = ()) -> None:
        super().__init__("; ".join((message, *problems)) if problems else message)
        self.problems = problems
