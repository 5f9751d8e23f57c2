"""One reading of a local master as pages show it: the job, and what came of each meter."""

from typing import Any, Final

from mbusheadend.jobs import Job
from mbusheadend.local import KIND, LocalError
from mbusheadend.local.places import endpoint_of
from mbusheadend.store import Master, Meter, StoredReading
from mbusheadend.store.browsing import MeterFilter
from mbusheadend.views.registers import shown_first
from mbusheadend.web.job_live import shown_job
from mbusheadend.web.services import Services
from mbusheadend.web.value_texts import (
    age_text,
    measured_text,
    medium_of,
    meter_text,
    number_of,
    outcome_text,
)
from mbusweb.locale import gettext as _
from mbusweb.paging import Paged

PAGE: Final = 250
"""Meters at a time: as many as a bus can have."""
_LOOKS: Final = {
    "ok": "good",
    "incomplete": "warning",
    "silent": "error",
    "garbled": "error",
    "bus down": "error",
}


async def shown(services: Services, master: Master, number: int = 1) -> dict[str, Any]:
    """Give the part of the page that lives: the job and the meters."""
    store, job = services.store, newest_job(services, master.serial)
    found = await store.find_meters(MeterFilter(master=master.serial), (number - 1) * PAGE, PAGE)
    latest = await store.latest([meter.id for meter in found.meters])
    return {
        "master": master,
        "row": None if job is None else shown_job(job),
        "meters": [_meter(services, one, latest.get(one.id), job) for one in found.meters],
        "matching": found.matching,
        "paged": Paged((), number, max(1, -(-found.matching // PAGE))),
        "pages": f"/local/{master.serial}?number=",
    }


def newest_job(services: Services, serial: str) -> Job | None:
    """Give the newest reading of a master that is known."""
    return next((job for job in services.jobs.list(KIND) if job.subject == serial), None)


def way_text(master: Master) -> str:
    """Say how a master is reached."""
    assert master.local is not None, "it is read locally"
    try:
        endpoint = endpoint_of(master.local.url)
    except LocalError:
        return master.local.url
    if endpoint.kind == "serial":
        return _("serial port %(device)s") % {"device": endpoint.target}
    texts = {
        "tcp": _("TCP, not encrypted: %(host)s, port %(port)d"),
        "tls": _("TLS: %(host)s, port %(port)d"),
        "rfc2217": _("serial port of another machine (RFC 2217): %(host)s, port %(port)d"),
    }
    return texts[endpoint.kind] % {"host": endpoint.target, "port": endpoint.port}


def _meter(services: Services, meter: Meter, latest: StoredReading | None, job: Job | None) -> dict[str, Any]:
    outcome = "" if job is None else job.pieces.get(meter.id, "")
    return {
        "meter": meter,
        "title": meter_text(meter),
        "number": number_of(meter) if meter.name else "",
        "medium": medium_of(meter),
        "outcome": outcome_text(outcome),
        "look": _LOOKS.get(outcome, "none"),
        "value": "" if latest is None else _value(latest),
        "taken": None if latest is None else latest.taken,
        "age": "" if latest is None else age_text(services.now() - latest.taken),
    }


def _value(reading: StoredReading) -> str:
    """Give the value that says most of a reading."""
    known = {one.register: one for telegram in reversed(reading.decoded) for one in reversed(telegram.values)}
    first = shown_first(list(known), 1) if known else ()
    return measured_text(known[first[0]]) if first else ""
