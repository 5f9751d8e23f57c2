"""Alarms: what is wrong now and what was, in words, with what to do about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusheadend.alarms.alarm import LONGEST_NOTE, AlarmFilter
from mbusheadend.alarms.kinds import AlarmKind, Severity
from mbusheadend.store import UnknownError
from mbusheadend.store.browsing import GroupKind
from mbusheadend.web.alarm_texts import (
    LOOKS,
    alarm_rows,
    kind_choices,
    severity_choices,
    severity_of,
    severity_text,
)
from mbusheadend.web.door import READER
from mbusheadend.web.services import Services
from mbusheadend.web.value_texts import meter_text
from mbusweb.locale import gettext as _
from mbusweb.locale import ngettext
from mbusweb.render import fragment, page

DOOR: Final = READER
PATH: Final = "/alarms"
COUNT: Final = f"{PATH}/count"
PAGE: Final = 50
"""Alarms at a time."""
MOST_MASTERS: Final = 500
"""Among which a list lets people choose; with more they come from the page of the master."""
_LONGEST: Final = 100
_OVER, _ALL = "over", "all"


@dataclass(frozen=True, slots=True)
class Chosen:
    """What an address wants; empty chooses nothing.

    :ivar show: empty for those that are open, `over` or `all`.
    """

    show: str = ""
    severity: str = ""
    kind: str = ""
    master: str = ""
    group: str = ""
    meter: int | None = None

    @classmethod
    def of(cls, address: Mapping[str, str]) -> "Chosen":
        """Read an address; what makes no sense there is as if it were not there."""
        kind, severity = address.get("kind", ""), address.get("severity", "")
        return cls(
            show=address.get("show", "") if address.get("show") in (_OVER, _ALL) else "",
            severity=severity if severity in LOOKS.values() else "",
            kind=kind if kind in set(AlarmKind) else "",
            master=address.get("master", "")[:_LONGEST],
            group=address.get("group", "")[:_LONGEST],
            meter=number_of(address.get("meter", "")),
        )

    @property
    def filter(self) -> AlarmFilter:
        """What the store is asked for."""
        return AlarmFilter(
            is_open={"": True, _OVER: False}.get(self.show),
            kinds=frozenset({AlarmKind(self.kind)} if self.kind else ()),
            severity=severity_of(self.severity),
            master=self.master or None,
            meter=self.meter,
            group=self.group or None,
        )

    @property
    def is_narrow(self) -> bool:
        """Whether it chooses less than all alarms of the tab."""
        return any((self.severity, self.kind, self.master, self.group, self.meter is not None))

    def address(self, **changed: str) -> str:
        """Give the address of this, with changes."""
        meter = "" if self.meter is None else str(self.meter)
        values = {
            "show": self.show, "severity": self.severity, "kind": self.kind, "master": self.master,
            "group": self.group, "meter": meter, **changed,
        }  # fmt: skip
        query = urlencode({name: value for name, value in values.items() if value})
        return f"{PATH}?{query}" if query else PATH


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()

    @routes.get(PATH)
    async def show(request: Request, before: str = "") -> Response:
        chosen, first = Chosen.of(request.query_params), number_of(before)
        found = await services.store.alarms(chosen.filter, first, PAGE)
        counts = await services.store.count_alarms()
        return page(
            request,
            "alarms.html",
            rows=await alarm_rows(services.store, found.alarms),
            total=found.total,
            chosen=chosen,
            here=chosen.address(before=before if first is not None else ""),
            newest=chosen.address() if first is not None else "",
            older=chosen.address(before=str(found.before)) if found.before is not None else "",
            tabs=[
                (chosen.address(show=show), text, show == chosen.show)
                for show, text in (("", _("Open")), (_OVER, _("History")), (_ALL, _("All")))
            ],
            counts=[
                (LOOKS[one], severity_text(one), counts.get(one, 0)) for one in sorted(Severity, reverse=True)
            ],
            longest_note=LONGEST_NOTE,
            **await _choices(services, chosen),
        )

    @routes.get(COUNT)
    async def count(request: Request) -> Response:
        counts = await services.store.count_alarms()
        number = sum(counts.values())
        return fragment(
            request,
            "parts/alarm_count.html",
            number=number,
            look=LOOKS[max((one for one, many in counts.items() if many), default=Severity.NOTICE)],
            text=ngettext("%(num)s alarm is new", "%(num)s alarms are new", number) % {"num": number},
        )

    return routes


def number_of(text: str) -> int | None:
    """Read a number of the store; None for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 15 else None


async def _choices(services: Services, chosen: Chosen) -> dict[str, Any]:
    store = services.store
    masters = await store.masters()
    names = [(one.serial, f"{one.name} ({one.serial})" if one.name else one.serial) for one in masters]
    shown = names if len(names) <= MOST_MASTERS else [one for one in names if one[0] == chosen.master]
    groups = sorted({*await store.groups(GroupKind.MASTERS), *await store.groups(GroupKind.METERS)})
    try:
        meter = "" if chosen.meter is None else meter_text(await store.meter(chosen.meter))
    except UnknownError:
        meter = _("a meter that is not here any more")
    return {
        "masters": [("", _("All")), *shown] if shown else [],
        "groups": [("", _("All")), *((name, name) for name in groups)] if groups else [],
        "kinds": [("", _("All")), *kind_choices()],
        "severities": severity_choices(),
        "meter": meter,
    }
