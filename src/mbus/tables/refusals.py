"""Application errors, the one byte behind CI 70, 6E and 6F (MBUS.md 4.6)."""

from typing import Final

ROWS: Final = (
    (0x00, "unspecified error"),
    (0x01, "CI field not implemented"),
    (0x02, "buffer too long, truncated"),
    (0x03, "too many records"),
    (0x04, "premature end of record"),
    (0x05, "more than 10 DIFE"),
    (0x06, "more than 10 VIFE"),
    (0x08, "application too busy"),
    (0x09, "too many readouts"),
    (0x10, "access denied"),
    (0x11, "application unknown"),
    (0x12, "parameter error"),
    (0x13, "receiver unknown"),
    (0x14, "decryption failure"),
    (0x15, "encryption method not supported"),
    (0x16, "signature method not supported"),
    (0xF0, "dynamic error"),
)
"""Code and meaning; 10 and above are of the 2018 edition (C)."""

REFUSALS: Final = dict(ROWS)
