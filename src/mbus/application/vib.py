"""Value information block: what a value means, in which base unit, and how it is scaled (MBUS.md 5.7 to 5.11)."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from mbus.application.dib import EXTENSION
from mbus.application.scaling import EXACT
from mbus.tables import vif, vif_fb, vif_fd, vife
from mbus.tables.rows import Effect, Rule, VifeRow, VifRow
from mbus.tables.units import UNITS, UnitRow

CODE: Final = 0x7F
"""The bits of a byte that are its code; the eighth is `EXTENSION`."""
PLAIN_TEXT: Final = "plain_text"
"""Quantity of a record whose unit, or whatever its maker wants to say, is given in letters."""
UNKNOWN: Final = VifRow(CODE, 0, "unknown", "", 0, Rule.NUMBER, "")
"""Stands in for every code that no table has: the number as sent, without a unit."""


@dataclass(frozen=True, slots=True)
class Vib:
    """What a VIF with its VIFE says: ``value = number · factor · 10^exponent + offset`` in `unit`.

    :ivar rule: how the data are read where the data field alone does not say it.
    :ivar modifiers: labels of the VIFE in their order.
    :ivar error: the record error that a VIFE states; the data then mean nothing.
    :ivar secret: whether the data are a password, access code or key.
    """

    quantity: str
    unit: str
    factor: int
    exponent: int
    offset: Decimal
    rule: Rule
    modifiers: tuple[str, ...]
    error: str | None
    secret: bool


def resolve_vib(raw: bytes, *, command: bool = False, text_last: bool = False) -> Vib:
    """Look up a whole block.

    In a command the VIFE 00 to 0F are actions, in a response record errors. `text_last` says where a plain-text unit stands
    whose VIF has VIFE: behind them, or (false) right behind the VIF.
    """
    row, chain = _split(raw, text_last)
    builder = _Builder(row)
    builder.apply(chain, vife.COMMAND_CODES if command else vife.RESPONSE_CODES)
    return builder.vib()


def _split(raw: bytes, text_last: bool) -> tuple[VifRow, bytes]:
    """Separate a block into the row of its quantity and the VIFE."""
    code = raw[0] & CODE
    if code == vif.PLAIN_TEXT:
        return _plain_text(raw, text_last)
    if not raw[0] & EXTENSION:
        return vif.CODES.get(code, UNKNOWN), b""
    if code == vif.EXTENSION_FB:
        return vif_fb.CODES.get(raw[1] & CODE, UNKNOWN), raw[2:]
    if code != vif.EXTENSION_FD:
        return vif.CODES[code], raw[1:]
    if raw[1] & CODE == vif_fd.SECOND_LEVEL and raw[1] & EXTENSION:
        return vif_fd.SECOND_CODES.get(raw[2] & CODE, UNKNOWN), raw[3:]
    return vif_fd.CODES.get(raw[1] & CODE, UNKNOWN), raw[2:]


def _plain_text(raw: bytes, text_last: bool) -> tuple[VifRow, bytes]:
    if text_last and raw[0] & EXTENSION:
        start = 1
        while raw[start] & EXTENSION:
            start += 1
        chain, text = raw[1 : start + 1], raw[start + 2 :]
    else:
        end = 2 + raw[1]
        text, chain = raw[2:end], raw[end:]
    return VifRow(CODE, 0, PLAIN_TEXT, text[::-1].decode("latin-1"), 0, Rule.NUMBER, "5.10"), chain


class _Builder:
    """Applies the VIFE one after the other; each may change what the ones before have made."""

    def __init__(self, row: VifRow) -> None:
        self._quantity = row.quantity
        self._rule = row.rule
        # Stays set whatever VIFE follow: what they say about a password must not make it readable.
        self._secret = row.rule is Rule.SECRET
        self._modifiers: list[str] = []
        self._error: str | None = None
        self._offset = Decimal(0)
        self._foreign_chain = row.quantity in ("manufacturer_specific", "reserved")
        # A text is taken as it is, even one that spells a unit of ours: nobody knows what the maker means by "t" or "h".
        unit = UnitRow(row.unit, row.unit) if row.quantity == PLAIN_TEXT else UNITS[row.unit]
        self._take_unit(unit, row.exponent)

    def _take_unit(self, unit: UnitRow, exponent: int) -> None:
        self._unit = unit.base
        self._factor = unit.factor
        self._unit_exponent = unit.exponent
        self._exponent = unit.exponent + exponent

    def apply(self, chain: bytes, codes: Mapping[int, VifeRow]) -> None:
        if self._foreign_chain:
            self._keep(chain)
            return
        extension = False
        for index, byte in enumerate(chain):
            code = byte & CODE
            if extension:
                extension = False
                self._apply_row(vife.EXTENSION_CODES.get(code), f"vife:7C{code:02X}")
            elif code == vife.MANUFACTURER:
                self._modifiers.append("manufacturer_specific")
                self._keep(chain[index + 1 :])
                return
            elif code == vife.EXTENSION and byte & EXTENSION:
                extension = True
            else:
                self._apply_row(codes.get(code), f"vife:{code:02X}")

    def _keep(self, chain: bytes) -> None:
        self._modifiers.extend(f"vife:{byte & CODE:02X}" for byte in chain)

    def _apply_row(self, row: VifeRow | None, unknown: str) -> None:
        if row is None:
            self._modifiers.append(unknown)
        elif row.effect is Effect.ERROR:
            self._error = self._error or row.label
        elif row.effect is Effect.MULTIPLY:
            self._exponent += row.exponent
            self._offset = EXACT.scaleb(self._offset, row.exponent)
        elif row.effect is Effect.ADD:
            step = EXACT.scaleb(self._factor, self._unit_exponent + row.exponent)
            self._offset = EXACT.add(self._offset, step)
        elif row.effect is not Effect.NOTHING:
            self._modifiers.append(row.label)
            self._change_meaning(row)

    def _change_meaning(self, row: VifeRow) -> None:
        if row.effect is Effect.REPLACE:
            self._modifiers.append(f"of_{self._quantity}")
            self._quantity = row.quantity
        if row.effect in (Effect.REPLACE, Effect.OPAQUE):
            self._take_unit(UNITS[row.unit], 0)
            self._offset = Decimal(0)
        if row.effect is not Effect.LABEL:
            self._rule = row.rule

    def vib(self) -> Vib:
        return Vib(
            self._quantity,
            self._unit,
            self._factor,
            self._exponent,
            self._offset,
            self._rule,
            tuple(self._modifiers),
            self._error,
            self._secret,
        )
