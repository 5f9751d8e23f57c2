"""Notifications: who is told of alarms, through what, and what has not arrived."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusheadend.alarms.kinds import Severity
from mbusheadend.alarms.outgoing import Outgoing, OutgoingState
from mbusheadend.alarms.rules import Mail, Rule
from mbusheadend.jobs import JobError, JobState
from mbusheadend.store import StoreRefusedError
from mbusheadend.store.browsing import GroupKind
from mbusheadend.web.alarm_rule_form import MAIL, WEBHOOK, RuleForm
from mbusheadend.web.alarm_texts import LOOKS, kind_choices, kind_text, severity_text
from mbusheadend.web.door import ADMIN
from mbusheadend.web.notification_deeds import delete_rule, find_rule, save_rule, send_trial
from mbusheadend.web.services import Services
from mbusweb.guard import Asking
from mbusweb.locale import LANGUAGES, said
from mbusweb.locale import gettext as _
from mbusweb.render import ask, flash, go_to, page

DOOR: Final = ADMIN
PATH: Final = "/notifications"
RULES: Final = f"{PATH}/rules"
NEW: Final = f"{RULES}/new"
RULE: Final = f"{RULES}/{{id}}"
DELETE: Final = f"{RULE}/delete"
TRIAL_SECONDS: Final = 8.0
"""For which somebody waits for what came of a test message; then its own page tells."""
MESSAGES: Final = 50


def router(services: Services) -> APIRouter:
    """Give the routes of the pages."""
    routes = APIRouter()

    @routes.get(PATH)
    async def show(request: Request) -> Response:
        rules = await services.store.alarm_rules()
        server = await services.store.mail_server()
        messages = await services.store.outgoing(MESSAGES)
        titles = {rule.id: rule.title or rule.id for rule in rules}
        return page(
            request,
            "notifications.html",
            rules=[(rule, target_text(rule), _about(rule), _newest(messages, rule)) for rule in rules],
            server=server,
            needs_server=server is None and any(isinstance(rule.target, Mail) for rule in rules),
            messages=[(one, titles.get(one.rule, one.rule), *_state(one)) for one in _troubled(messages)],
        )

    @routes.get(NEW)
    async def new(request: Request, who: Asking, kind: str = MAIL) -> Response:
        form = RuleForm(kind=WEBHOOK if kind == WEBHOOK else MAIL, language=who.preferences.language)
        return await _form(request, services, form)

    @routes.get(RULE)
    async def edit(request: Request, id: str) -> Response:
        return await _form(request, services, RuleForm.of(await find_rule(services, id)))

    @routes.post(RULES)
    async def add(request: Request, who: Asking) -> Response:
        return await _save(request, services, who, RuleForm.read(await _values(request)))

    @routes.post(RULE)
    async def save(request: Request, id: str, who: Asking) -> Response:
        await find_rule(services, id)
        return await _save(request, services, who, RuleForm.read(await _values(request), id))

    _add_rest(routes, services)
    return routes


def _add_rest(routes: APIRouter, services: Services) -> None:
    @routes.post(f"{RULE}/test")
    async def test(request: Request, id: str, who: Asking) -> Response:
        rule = await find_rule(services, id)
        try:
            job = send_trial(services, who, rule)
        except JobError as error:
            flash(request, "error", said(error.text))
            return go_to(request, PATH)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TRIAL_SECONDS):
                await services.jobs.wait(job.id)
        if job.is_at_work:
            return go_to(request, f"/jobs/{job.id}")
        is_done = job.state is JobState.DONE
        outcome = said(job.outcome).rstrip(".")
        flash(request, "success" if is_done else "error", f"{rule.title or rule.id}: {outcome}.")
        return go_to(request, PATH)

    @routes.get(DELETE)
    async def ask_delete(request: Request, id: str) -> Response:
        rule = await find_rule(services, id)
        return ask(
            request,
            title=_("Delete this rule?"),
            question=_("“%(rule)s” tells nobody any more; messages of it that wait are dropped.")
            % {"rule": rule.title or rule.id},
            yes=_("Delete"),
            path_yes=DELETE.format(id=id),
            path_no=PATH,
        )

    @routes.post(DELETE)
    async def delete(request: Request, id: str, who: Asking) -> Response:
        await delete_rule(services, who, await find_rule(services, id))
        flash(request, "success", _("The rule is deleted."))
        return go_to(request, PATH)


def target_text(rule: Rule) -> str:
    """Say whom a rule tells; of a webhook its host only, since its path may be a secret."""
    if isinstance(rule.target, Mail):
        return ", ".join(rule.target.receivers)
    return urlsplit(rule.target.url).hostname or ""


def _about(rule: Rule) -> list[str]:
    """Say in short of what a rule tells."""
    kinds = sorted(map(kind_text, rule.kinds))
    least = {
        Severity.NOTICE: _("All severities"),
        Severity.WARNING: _("Warnings and errors"),
        Severity.ERROR: _("Errors"),
    }
    said_of = [least[rule.severity]]
    if kinds:
        said_of.append(", ".join(kinds))
    if rule.groups:
        said_of.append(_("groups %(names)s") % {"names": ", ".join(sorted(rule.groups))})
    if rule.masters:
        said_of.append(_("masters %(names)s") % {"names": ", ".join(sorted(rule.masters)[:5])})
    return said_of


def _newest(messages: Sequence[Outgoing], rule: Rule) -> tuple[Outgoing, str, str] | None:
    found = next((one for one in messages if one.rule == rule.id), None)
    return None if found is None else (found, *_state(found))


def _troubled(messages: Sequence[Outgoing]) -> list[Outgoing]:
    """Give the messages that did not arrive at everybody at the first attempt."""
    return [one for one in messages if one.state is not OutgoingState.DELIVERED or one.error]


def _state(message: Outgoing) -> tuple[str, str]:
    if message.state is OutgoingState.DELIVERED:
        return (_("Arrived at some"), "warning") if message.error else (_("Arrived"), "good")
    if message.state is OutgoingState.FAILED:
        return _("Given up"), "error"
    return (_("Tried again"), "warning") if message.attempts else (_("Waits"), "notice")


async def _values(request: Request) -> Mapping[str, Sequence[str]]:
    async with request.form() as form:
        return {name: [one for one in form.getlist(name) if isinstance(one, str)] for name in form}


async def _save(request: Request, services: Services, who: Asking, form: RuleForm) -> Response:
    rule = form.rule()
    if rule is not None:
        try:
            secret = await save_rule(services, who, rule, renew=form.new_secret)
        except StoreRefusedError as error:
            form.problems[""] = f"{_(str(error))}."
        else:
            if secret:
                return page(request, "notification_secret.html", rule=rule, secret=secret)
            flash(request, "success", _("Saved. Send a test message to see whether it arrives."))
            return go_to(request, PATH)
    return await _form(request, services, form)


async def _form(request: Request, services: Services, form: RuleForm) -> Response:
    store = services.store
    groups = {*await store.groups(GroupKind.MASTERS), *await store.groups(GroupKind.METERS), *form.groups}
    values: dict[str, Any] = {
        "form": form,
        "path": f"{RULES}/{form.id}" if form.id else RULES,
        "kinds": kind_choices(),
        "groups": sorted(groups),
        "languages": list(LANGUAGES.items()),
        "severities": [(LOOKS[one], severity_text(one)) for one in sorted(LOOKS)],
    }
    return page(request, "notification_rule.html", status=422 if form.problems else 200, **values)
