"""The parts of the store that are the same over every database."""

from mbusheadend.store.sql.alarms import SqlAlarms
from mbusheadend.store.sql.archiving import SqlArchiving
from mbusheadend.store.sql.arrivals import SqlArrivals
from mbusheadend.store.sql.browsing import SqlBrowsing
from mbusheadend.store.sql.enrolment import SqlEnrolment
from mbusheadend.store.sql.filling import SqlFilling
from mbusheadend.store.sql.fleet import SqlFleet
from mbusheadend.store.sql.groups import SqlGroups
from mbusheadend.store.sql.judged import SqlJudging
from mbusheadend.store.sql.local import SqlLocals
from mbusheadend.store.sql.notifying import SqlNotifying
from mbusheadend.store.sql.queries import SqlQueries
from mbusheadend.store.sql.rollouts import SqlRollouts
from mbusheadend.store.sql.shared import SqlShared
from mbusheadend.store.sql.viewing import SqlViewing
from mbusheadend.store.sql.wanted import SqlWanted


class SqlParts(
    SqlEnrolment,
    SqlFleet,
    SqlWanted,
    SqlQueries,
    SqlAlarms,
    SqlNotifying,
    SqlJudging,
    SqlFilling,
    SqlBrowsing,
    SqlArrivals,
    SqlGroups,
    SqlViewing,
    SqlLocals,
    SqlArchiving,
    SqlRollouts,
    SqlShared,
):
    """All of `mbusheadend.store.Store` but intake and upkeep."""
