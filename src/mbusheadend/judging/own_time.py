"""What a meter's own clock told when it was read."""

from collections.abc import Iterable
from datetime import datetime

from mbusheadend.decoding.registers import Register
from mbusheadend.decoding.telegrams import Decoded


def is_own_time(register: Register) -> bool:
    """Tell whether a register is the clock of its meter."""
    return (
        register.quantity == "date_time"
        and register.function == "instantaneous"
        and register.storage == 0
        and not register.modifiers
    )


def own_time(telegrams: Iterable[Decoded]) -> datetime | None:
    """Give the meter's own time, without a zone, as it stands in its telegrams; None where none tells a sound one."""
    for telegram in telegrams:
        for register, value, status, _ in telegram.values:
            if is_own_time(register) and status is None and isinstance(value, str):
                try:
                    return datetime.fromisoformat(value).replace(tzinfo=None)
                except ValueError:
                    continue
    return None
