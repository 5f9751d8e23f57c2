"""Periods of consumption in words, and how consumption changed."""

from datetime import datetime, timedelta

from mbusheadend.judging.consumption import Period
from mbusheadend.views.consumed import Compared
from mbusheadend.views.spans import zone_of
from mbusweb.locale import format_date, format_number, pgettext
from mbusweb.locale import gettext as _


def period_texts() -> dict[str, str]:
    """Give a text for each length of a period."""
    return {"day": pgettext("period", "Days"), "week": _("Weeks"), "month": _("Months"), "year": _("Years")}


def period_label(begin: datetime, period: Period, zone: str) -> str:
    """Name the period in which a moment is, in a zone."""
    day = begin.astimezone(zone_of(zone)).date()
    match period:
        case Period.DAY:
            return format_date(day)
        case Period.WEEK:
            year, week, _day = (day - timedelta(days=day.weekday()) + timedelta(days=3)).isocalendar()
            return _("Week %(week)s of %(year)s") % {"week": week, "year": year}
        case Period.MONTH:
            return f"{day.year}-{day.month:02}"
        case Period.YEAR:
            return str(day.year)


def share_change(row: Compared) -> str:
    """Say in per cent by how much consumption rose or fell; empty where that is not known."""
    share = row.share
    if share is None:
        return ""
    sign = "+" if share > 0 else "−" if share < 0 else "±"
    return f"{sign}{format_number(abs(share))} %"
