"""What people see of readings, made from the store, without anything of the web.

==================  ==============================================================================
spans.py            times that are looked at
units.py            units in which values are shown
registers.py        which registers of a meter are shown where nobody chose
series.py           values over time, thinned for plots
table.py            readings as a table
latest.py           the newest reading of each meter
consumed.py         consumption, compared with that of earlier
complete.py         completeness of masters and meters, by day
raw.py              a reading with its telegrams and their records
==================  ==============================================================================
"""
