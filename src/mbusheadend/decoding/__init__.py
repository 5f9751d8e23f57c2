"""Telegrams as the store keeps them: raw ones packed, their values compact, both without any loss.

===============  ========================================================================================
varint.py        whole numbers in as few bytes as they need
registers.py     which register a value belongs to, and the layout of a telegram: its registers in order
values.py        values as bytes by a layout, and back
packer.py        values of telegrams of known layout as bytes, without records in between
naming.py        names of registers, for files
exact.py         numbers as exact decimals of a fixed size
telegrams.py     a raw telegram decoded to what is kept of it, and the version of that
picking.py       few values out of a reading
raw.py           raw telegrams as what differs from an earlier one of the same meter
keys.py          keys of encrypted meters, themselves encrypted
errors.py        what is wrong with packed data
===============  ========================================================================================
"""
