"""What readings tell beyond their values, as functions of points and moments that ask nobody.

===============  ===========================================================================================
points.py        values of a register over time
consumption.py   what was used in each day, week, month or year
counters.py      counters that were reset or rolled over
clocks.py        how the meter's own clock goes
own_time.py      what a meter's own clock told when it was read
access.py        that somebody else reads the meter too
standstill.py    that a meter stands still although it should move
words.py         status byte and error flags in words
meter_state.py   what is remembered of a meter
judge.py         judges readings as they come
===============  ===========================================================================================
"""
