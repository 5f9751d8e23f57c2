"""Slots are found in `mbushosting.slots`, for master and head-end alike; the master's parts import them from here."""

from mbushosting.slots import Rule, UnknownZoneError, check_rule, newest_slot, next_slot

__all__ = ["Rule", "UnknownZoneError", "check_rule", "newest_slot", "next_slot"]
