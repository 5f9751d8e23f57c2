"""What readings tell beyond their values, as pure functions of points and moments.

===============  ===========================================================================================
points.py        values of a register over time
consumption.py   what was used in each day, week, month or year
counters.py      counters that were reset, rolled over, or stand still
clocks.py        how the meter's own clock goes
access.py        that somebody else reads the meter too
===============  ===========================================================================================
"""
