"""What pages and API do to alarms, and the audit log of it."""

from collections.abc import Collection
from typing import Final

from mbusheadend.alarms.alarm import LONGEST_NOTE
from mbusheadend.audit_kinds import AuditKind
from mbusheadend.web.services import Services
from mbusweb.actor import Actor

MOST_AT_ONCE: Final = 1000
_MOST_NAMED: Final = 20


async def acknowledge(services: Services, who: Actor, ids: Collection[int], note: str) -> int:
    """Note that somebody knows of alarms; say of how many nobody did before. Raise `StoreError`."""
    note = "".join(letter if letter.isprintable() else " " for letter in note).strip()[:LONGEST_NOTE]
    count = await services.store.acknowledge_alarms(ids, who.user, services.now(), note)
    if count:
        named = ", ".join(map(str, sorted(ids)[:_MOST_NAMED]))
        more = f" and {len(ids) - _MOST_NAMED} more" if len(ids) > _MOST_NAMED else ""
        detail = f"acknowledged {named}{more}: {note or '-'}"
        services.audit.record(AuditKind.ALARM_CHANGED, who=who.user, source=who.source, detail=detail)
    return count
