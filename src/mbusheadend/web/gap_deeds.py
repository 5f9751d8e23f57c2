"""What operators do about gaps, and the audit log of it."""

from typing import Final

from mbusheadend.audit_kinds import AuditKind
from mbusheadend.jobs import Job
from mbusheadend.store import UnknownError
from mbusheadend.web.services import Services
from mbusweb.actor import Actor
from mbusweb.texts import Text, mark

KIND: Final = "filling"
EVERY_MASTER: Final = "(all)"
"""Subject of a job that looks at all masters."""
_TITLE: Final = mark("Fill gaps of %(master)s")
_TITLE_ALL: Final = mark("Fill gaps of all masters")
_LOOKING: Final = mark("Looking at %(master)s")
_FILLED: Final = mark(
    "Looked at %(masters)d masters: %(filled)d slots were filled at once; what was asked for comes in the next minutes"
)


async def fill_now(services: Services, who: Actor, serial: str) -> Job:
    """Begin to try gaps again: of a master, or of all where none is named. Raise `JobError`, `UnknownError`."""
    store = services.store
    masters = [await store.master(serial)] if serial else list(await store.masters())
    calling = [one for one in masters if one.local is None]
    if serial and not calling:
        raise UnknownError(f"the master {serial} calls nobody: it is read locally")

    async def work(job: Job) -> Text:
        filled = 0
        for done, master in enumerate(calling):
            job.progress(done, len(calling), Text(_LOOKING, {"master": master.name or master.serial}))
            filled += await services.watcher.look.fill_again(master)
        services.watcher.tell_soon()
        return Text(_FILLED, {"masters": len(calling), "filled": filled})

    title = Text(_TITLE, {"master": calling[0].name or serial}) if serial else Text(_TITLE_ALL)
    job = services.jobs.start(KIND, title, work, who.user, subject=serial or EVERY_MASTER)
    services.audit.record(
        AuditKind.READ_ORDERED,
        who=who.user,
        source=who.source,
        detail=f"{serial or 'all masters'}: fill gaps",
    )
    return job
