"""Tenants: customers of one installation that never see each other.

====================  =============================================================================================
tenant.py             a tenant, and how much it may have
running.py            all that works for one tenant in this process
====================  =============================================================================================
"""
