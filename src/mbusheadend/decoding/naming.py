"""Names of registers in files: English, stable, for programs and people."""

from collections.abc import Collection

from mbusheadend.decoding.registers import Register


def register_name(register: Register) -> str:
    """Give the name of a register: ``maximum power storage 1 tariff 2 [W]``; other registers have other names."""
    parts = [register.quantity]
    if register.function != "instantaneous":
        parts.insert(0, register.function)
    for word, number in (
        ("storage", register.storage),
        ("tariff", register.tariff),
        ("subunit", register.subunit),
    ):
        if number:
            parts.append(f"{word} {number}")
    if register.modifiers:
        parts.append(f"({', '.join(register.modifiers)})")
    if register.occurrence:
        parts.append(f"#{register.occurrence + 1}")
    if register.unit:
        parts.append(f"[{register.unit}]")
    return " ".join(parts)


def is_named(register: Register, names: Collection[str]) -> bool:
    """Tell whether a register is among these names, or its quantity is (``energy``: of any storage number and tariff)."""
    return register.quantity in names or register_name(register) in names
