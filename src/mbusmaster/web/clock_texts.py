"""What is known of the clock and its time server, in the visitor's language."""

from decimal import Decimal
from typing import Final

from mbusmaster.system.clock import ClockBelief, ClockQuality, TimeStatus
from mbusweb.locale import format_datetime, format_number, said
from mbusweb.locale import gettext as _

_FINEST: Final = 0.001


def status_text(status: TimeStatus) -> str:
    """Say how the clock stands to the time server."""
    return {
        TimeStatus.UNSYNCHRONISED: _("Not synchronised"),
        TimeStatus.AUTHENTICATED: _("Synchronised, authenticated"),
        TimeStatus.NOT_AUTHENTICATED: _("Not authenticated"),
        TimeStatus.UNREACHABLE: _("Not reachable"),
        TimeStatus.NOT_USED: _("Not used"),
        TimeStatus.NOT_AVAILABLE: _("Not available"),
    }[status]


def offset_text(offset: float | None) -> str:
    """Say how far the clock is from the server's; empty where that is not known."""
    if offset is None:
        return ""
    if abs(offset) < _FINEST:
        return _("The clock is right to a millisecond.")
    values = {"seconds": format_number(Decimal(f"{abs(offset):.3f}"))}
    if offset > 0:
        return _("The clock is ahead by %(seconds)s s.") % values
    return _("The clock is behind by %(seconds)s s.") % values


def belief_text(belief: ClockBelief) -> str:
    """Say how far the clock can be believed."""
    values = {"since": format_datetime(belief.since) if belief.since else ""}
    match belief.quality:
        case ClockQuality.SYNCHRONISED:
            return _("Kept right by the time server.")
        case ClockQuality.SET:
            return _("Set on %(since)s, and running on its own since.") % values
        case ClockQuality.FREE_RUNNING:
            return _("Running on its own; last synchronised on %(since)s.") % values
        case ClockQuality.SYSTEM:
            return _("Kept by the operating system.")
        case ClockQuality.DOUBTFUL:
            return _("Doubtful. %(reason)s") % {"reason": said(belief.reason)}


def belief_note(belief: ClockBelief) -> str:
    """Say it only where the time is not to be believed."""
    return belief_text(belief) if belief.is_doubtful else ""
