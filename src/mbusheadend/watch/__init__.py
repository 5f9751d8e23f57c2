"""What the head-end does by itself, in the background, beside taking readings in.

===============  ===========================================================================================
settings.py      from when on something is an alarm
wake.py          waits for an event or a time
judge_readings.py  judges what arrived
masters.py       what is wrong with masters, by what they said and when
look.py          looks at masters, meters, gaps and the disk, again and again
watcher.py       all of it, for whoever starts the head-end
===============  ===========================================================================================
"""
