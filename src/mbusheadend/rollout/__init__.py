"""Releases brought to a fleet in rings: the next ring begins only when the one before is well, else it stops by itself.

===============  ==================================================================================================
plan.py          what people want: rings, hours, and what counts as well
state.py         how far it is: the rollout, and each master in it
window.py        when updates may begin
rings.py         which master is in which ring
health.py        what is wrong with the masters of a ring
step.py          what is to be done next: a pure function of all that is known
offers.py        which release a master is offered while rollouts decide that
calling_back.py  taking orders back that nobody has begun
desk.py          what people do: make, start, stop, go on
runner.py        does the steps, once among all processes
===============  ==================================================================================================
"""
