"""Gaps in the readings, and what closes them.

===============  ===========================================================================================
gaps.py          a gap and how far its filling is
plan.py          what is to be done next about a gap: waiting, the master's history, reading again, the meter's memory
memory.py        values that a meter has stored itself, with the times that they are of
filler.py        does it
===============  ===========================================================================================
"""
