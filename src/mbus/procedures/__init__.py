"""Conversations with meters as generators that yield requests and take answers.

A procedure stands in the module of its own name, beside what it returns: ``from mbus.procedures.read import read``. It is not
named here again, because the function would hide its module. What all of them yield and are sent is in `steps`.
"""
