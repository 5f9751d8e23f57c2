"""What administrators do to who is told of alarms, and the audit log of it. Secrets and passwords stand in no log."""

from typing import Final

from mbusheadend.alarms.rules import MailServer, Rule, Webhook
from mbusheadend.audit_kinds import AuditKind
from mbusheadend.jobs import Job
from mbusheadend.store import UnknownError
from mbusheadend.watch.actions import new_secret, put_rule, set_limits
from mbusheadend.watch.limits import Limits
from mbusheadend.web.job_texts import TRIAL
from mbusheadend.web.services import Services
from mbusweb.actor import Actor
from mbusweb.texts import Text, mark

_TITLE: Final = mark("Test message by the rule “%(rule)s”")
_SENDING: Final = mark("The message is being sent")
_HANDED_OVER: Final = mark("The mail server has taken the message; look whether it is in the mailbox")
_ARRIVED: Final = mark("The receiver has taken the message")


async def find_rule(services: Services, id: str) -> Rule:
    """Find a rule; raise `UnknownError`."""
    found = next((one for one in await services.store.alarm_rules() if one.id == id), None)
    if found is None:
        raise UnknownError(f"there is no rule {id}")
    return found


async def save_rule(services: Services, who: Actor, rule: Rule, *, renew: bool) -> str:
    """Add or change a rule; give its secret if it has a new one. Raise `StoreRefusedError`.

    :param renew: make another secret.
    """
    known = {one.id: one for one in await services.store.alarm_rules()}
    secret = None
    if isinstance(rule.target, Webhook):
        before = known.get(rule.id)
        if renew or before is None or not isinstance(before.target, Webhook):
            secret = new_secret()
    await put_rule(services.store, rule, secret)
    services.watcher.tell_soon()
    _record(services, who, f"rule {rule.title or rule.id} {'changed' if rule.id in known else 'added'}")
    return secret or ""


async def delete_rule(services: Services, who: Actor, rule: Rule) -> None:
    """Forget a rule. Raise `StoreError`."""
    await services.store.delete_alarm_rule(rule.id)
    _record(services, who, f"rule {rule.title or rule.id} deleted")


async def save_server(
    services: Services, who: Actor, server: MailServer | None, password: str | None
) -> None:
    """Set through what mails go out; the password stays where None is given. Raise `StoreRefusedError`."""
    await services.store.put_mail_server(server, password)
    services.watcher.tell_soon()
    said = "forgotten" if server is None else f"{server.host}:{server.port}, {server.security}"
    _record(services, who, f"mail server {said}{', new password' if password else ''}")


async def save_limits(services: Services, who: Actor, limits: Limits) -> None:
    """Change from when on something is an alarm. Raise `StoreError`."""
    await set_limits(services.store, limits)
    services.audit.record(
        AuditKind.ALARM_CHANGED, who=who.user, source=who.source, detail=f"limits: {limits.model_dump_json()}"
    )


def send_trial(services: Services, who: Actor, rule: Rule) -> Job:
    """Begin to send a message of no alarm by a rule. Raise `JobError`."""

    async def work(job: Job) -> Text:
        job.progress(0, 0, Text(_SENDING))
        await services.watcher.delivery.send_trial(rule.id)
        return Text(_ARRIVED if isinstance(rule.target, Webhook) else _HANDED_OVER)

    _record(services, who, f"test message by the rule {rule.title or rule.id}")
    title = Text(_TITLE, {"rule": rule.title or rule.id})
    return services.jobs.start(TRIAL, title, work, who.user, subject=rule.id)


def _record(services: Services, who: Actor, detail: str) -> None:
    services.audit.record(AuditKind.NOTIFICATIONS_CHANGED, who=who.user, source=who.source, detail=detail)
