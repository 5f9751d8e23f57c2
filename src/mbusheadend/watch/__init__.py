"""What the head-end does by itself, in the background, beside taking readings in.

=================  =========================================================================================
limits.py          from when on something is an alarm
judge_readings.py  judges what arrived
masters.py         what is wrong with masters, by what they said and when
meters.py          what is wrong with readings, by what was expected and what came
look.py            looks at masters, meters, gaps and the disk
watcher.py         all of it, for whoever starts the head-end
actions.py         what people do with alarms, rules and gaps
=================  =========================================================================================
"""
