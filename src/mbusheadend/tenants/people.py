"""The users of a tenant."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from mbusheadend.settings import Settings
from mbusheadend.tenants.tenant import THE_ONLY_ONE, Tenant
from mbusheadend.users import rules_of
from mbusweb.access import Access

if TYPE_CHECKING:
    from mbusheadend.between import Between


def access_of(
    settings: Settings,
    now: Callable[[], datetime],
    between: "Between | None" = None,
    tenant: Tenant = THE_ONLY_ONE,
) -> Access:
    """Give the users of a tenant: in the state folder, or what all processes share; not opened yet."""

    def idle_minutes() -> float:
        return settings.web_idle_minutes

    def longest_hours() -> float:
        return settings.web_longest_hours

    rules = rules_of(tenant)
    keeper = None if between is None else between.people(tenant.id)
    sessions = (
        None
        if between is None or keeper is None
        else between.sessions(keeper, now, idle_minutes, longest_hours, rules.most_sessions)
    )
    return Access(
        settings.state_folder,
        rules,
        clock=now,
        monotonic=time.monotonic,
        idle_minutes=idle_minutes,
        longest_hours=longest_hours,
        keeper=keeper,
        sessions=sessions,
    )
