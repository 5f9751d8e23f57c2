"""Tenants: customers of one installation that never see each other.

====================  =============================================================================================
tenant.py             a tenant, and how much it may have
registry.py           which there are, in a file; the settings of each
on_server.py          which there are, on the server of the store
limits.py             quotas, kept to
people.py             the users of one
running.py            all that works for one in this process
house.py              all of them in this process; who asks is brought to the right one
====================  =============================================================================================
"""
