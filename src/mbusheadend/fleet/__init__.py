"""What people do with masters, meters, groups and schedules: functions over the store, without the web.

====================================  ================================================================================
desk.py                               what the actions of the fleet work with
enrolling.py, masters.py, imports.py  tokens, masters, lists of meters
schedule_form.py, schedule_words.py   schedules as people type and read them
reading_now.py                        meters read once, now
settings_desk.py, settings_order.py   settings of many masters: tried first, then set
overview.py, day.py                   what to look at first; what came in the last day
====================================  ================================================================================
"""
