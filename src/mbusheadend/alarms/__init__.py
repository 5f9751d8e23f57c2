"""What people must look at: alarms that begin, last and end, and who is told of them.

===============  ===========================================================================================
kinds.py         which alarms there are, and how bad each is
advice.py        what people can do about each
alarm.py         an alarm as it is raised, and as it is kept
rules.py         who is told of which alarms: by mail, by webhook
news.py          a message of many alarms in one, and its words
outgoing.py      messages on their way
sending.py       what both ways of sending have in common
mail.py          sends messages by mail
webhook.py       sends messages to a URL, signed
delivery.py      makes messages of news and sends them until they have arrived
===============  ===========================================================================================
"""
