import re
from pathlib import Path
from typing import Any, Final

import pytest

from mbusheadend.alarms.outgoing import Outgoing, OutgoingState
from mbusheadend.alarms.rules import Mail, Rule, Webhook
from mbusheadend.audit_kinds import AuditKind
from mbusheadend.jobs import JobState
from mbusheadend.watch.limits import Limits
from support.headend_web import NOW, WebClient, headend_web
from support.receivers import PASSWORD, USER, https_receiver, mail_server

MAIL: Final = {
    "kind": "mail", "title": "Caretaker", "enabled": "true", "severity": "error", "tells_end": "true",
    "minutes": "2,5", "language": "de", "receivers": "ann@example.org\nbob@example.org", "kinds": "disk full",
}  # fmt: skip
PATHS: Final = (
    "/notifications", "/notifications/rules/new", "/notifications/rules/x", "/notifications/rules/x/delete",
    "/notifications/server", "/notifications/limits",
)  # fmt: skip


async def rules(client: WebClient) -> tuple[Rule, ...]:
    return await client.services.store.alarm_rules()


async def test_a_rule_for_mails_is_made_changed_and_deleted(tmp_path: Path) -> None:
    async with headend_web(tmp_path) as client:
        assert "Nobody is told yet." in (await client.show("/notifications")).text
        await client.show("/notifications/rules/new?kind=mail")
        shown = (await client.submit("/notifications/rules", MAIL)).text
        assert "There is no mail server yet" in shown
        assert "ann@example.org, bob@example.org" in shown
        (rule,) = await rules(client)
        assert rule.target == Mail(receivers=("ann@example.org", "bob@example.org"))
        assert (rule.gather, rule.language, [*rule.kinds]) == (150, "de", ["disk full"])
        form = (await client.show(f"/notifications/rules/{rule.id}")).text
        assert 'value="2.5"' in form
        await client.submit(f"/notifications/rules/{rule.id}", {**MAIL, "enabled": "", "title": "Nobody now"})
        (rule,) = await rules(client)
        assert (rule.enabled, rule.title) == (False, "Nobody now")
        await client.show(f"/notifications/rules/{rule.id}/delete")
        await client.submit(f"/notifications/rules/{rule.id}/delete")
        assert await rules(client) == ()
        assert [one.rpartition(" ")[2] for one in client.audited(AuditKind.NOTIFICATIONS_CHANGED)] == [
            "deleted", "changed", "added",
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"receivers": "nobody"}, "Give 1 to 50 mail addresses"),
        ({"receivers": ""}, "Give 1 to 50 mail addresses"),
        ({"minutes": "1e999"}, "Give minutes"),
        ({"minutes": "nan"}, "Give minutes"),
        ({"title": "x" * 201}, "A title has at most 200"),
        ({"kind": "webhook", "url": "http://plain.example/"}, "begins with https://"),
        ({"kind": "webhook", "url": "https://user:word@example.org/"}, "begins with https://"),
    ],
)
async def test_what_makes_no_rule_is_said_at_the_field(
    tmp_path: Path, wrong: dict[str, str], text: str
) -> None:
    async with headend_web(tmp_path) as client:
        await client.show("/notifications/rules/new")
        answer = await client.submit("/notifications/rules", {**MAIL, **wrong})
        assert answer.status_code == 422
        assert text in answer.text
        assert await rules(client) == ()


async def test_the_secret_of_a_webhook_is_shown_once_and_signs_a_test_message(tmp_path: Path) -> None:
    with https_receiver(tmp_path) as receiver:
        async with headend_web(tmp_path / "state") as client:
            await client.show("/notifications/rules/new?kind=webhook")
            fields = {
                **MAIL,
                "kind": "webhook",
                "url": f"{receiver.url}/hook",
                "authority": receiver.authority,
            }
            shown = (await client.submit("/notifications/rules", fields)).text
            found = re.search(r'id="secret" value="([^"]+)"', shown)
            assert found is not None
            (rule,) = await rules(client)
            assert isinstance(rule.target, Webhook)
            assert await client.services.store.rule_secret(rule.id) == found[1]
            assert found[1] not in (await client.show(f"/notifications/rules/{rule.id}")).text
            again = await client.submit(f"/notifications/rules/{rule.id}/test")
            assert "The receiver has taken the message." in again.text
            await client.submit(f"/notifications/rules/{rule.id}", fields)
            assert await client.services.store.rule_secret(rule.id) == found[1]
            await client.submit(f"/notifications/rules/{rule.id}", {**fields, "new_secret": "true"})
            assert await client.services.store.rule_secret(rule.id) != found[1]
            assert not any(found[1] in one for one in client.audited(AuditKind.NOTIFICATIONS_CHANGED))


async def test_a_test_mail_says_in_words_whether_it_went_out(tmp_path: Path) -> None:
    with mail_server(tmp_path) as box:
        async with headend_web(tmp_path / "state") as client:
            await client.show("/notifications/server")
            values = {"host": "127.0.0.1", "port": str(box.port), "security": "starttls", "user": USER}
            values |= {"sender": "alarms@example.org", "password": "not this one", "authority": box.authority}
            await client.submit("/notifications/server", values)
            await client.submit("/notifications/rules", MAIL)
            (rule,) = await rules(client)
            refused = (await client.submit(f"/notifications/rules/{rule.id}/test")).text
            assert "refuses the login" in refused
            await client.submit("/notifications/server", {**values, "password": PASSWORD})
            taken = (await client.submit(f"/notifications/rules/{rule.id}/test")).text
            assert "The mail server has taken the message" in taken
            assert len(box.mails) == 1
            kept = (await client.show("/notifications/server")).text
            assert PASSWORD not in kept
            await client.submit("/notifications/server", {**values, "password": ""})
            assert await client.services.store.mail_password() == PASSWORD
            await client.submit("/notifications/server/forget")
            assert await client.services.store.mail_server() is None
            assert not any(PASSWORD in one for one in client.audited(AuditKind.NOTIFICATIONS_CHANGED))


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"security": "none"}, "A login needs STARTTLS or TLS"),
        ({"port": "0"}, "Give a port"),
        ({"host": "a b"}, "Give the name or address"),
        ({"sender": "me"}, "Give a mail address"),
        ({"security": "magic"}, "Choose one of these"),
    ],
)
async def test_what_makes_no_mail_server_is_said_at_the_field(
    tmp_path: Path, wrong: dict[str, str], text: str
) -> None:
    async with headend_web(tmp_path) as client:
        await client.show("/notifications/server")
        values = {
            "host": "mail.example",
            "port": "587",
            "security": "starttls",
            "user": "u",
            "sender": "a@example.org",
        }
        answer = await client.submit("/notifications/server", {**values, **wrong})
        assert answer.status_code == 422
        assert text in answer.text
        assert await client.services.store.mail_server() is None


async def test_messages_that_have_not_arrived_are_shown_with_the_reason(tmp_path: Path) -> None:
    async with headend_web(tmp_path) as client:
        store = client.services.store
        await store.put_alarm_rule(Rule(id="all", title="Everybody", target=Mail(receivers=("a@b",))), None)
        waiting = Outgoing("1", "all", "{}", OutgoingState.WAITING, NOW, 0, NOW, NOW, "")
        await store.put_outgoing("all", 1, waiting)
        await store.note_delivery("1", OutgoingState.WAITING, NOW, "the mail server <b> does not answer", NOW)
        shown = (await client.show("/notifications")).text
        assert "the mail server &lt;b&gt; does not answer" in shown
        assert "1 attempt" in shown


async def test_limits_are_changed_within_their_bounds(tmp_path: Path) -> None:
    async with headend_web(tmp_path) as client:
        await client.show("/notifications/limits")
        values = {name: str(value) for name, value in Limits().model_dump().items()}
        answer = await client.submit("/notifications/limits", {**values, "silent_minutes": "1"})
        assert answer.status_code == 422
        assert "from 2 to 43200" in answer.text
        await client.submit("/notifications/limits", {**values, "silent_minutes": "90"})
        assert (await client.services.watcher.look.limits()).silent_minutes == 90


@pytest.mark.parametrize("role", ["reader", "operator"])
async def test_only_administrators_see_and_change_who_is_told(tmp_path: Path, role: str) -> None:
    async with headend_web(tmp_path, role) as client:
        await client.show("/alarms")
        for path in PATHS:
            assert (await client.show(path)).status_code == 403
        for path in ("/notifications/rules", "/notifications/rules/x/test", *PATHS[3:]):
            assert (await client.submit(path, MAIL)).status_code == 403
        for path in ("/notifications/rules", "/notifications/server", "/notifications/messages"):
            assert (await client.ask("GET", path)).status_code == 403


async def test_the_api_keeps_rules_and_tries_them(tmp_path: Path) -> None:
    async with headend_web(tmp_path) as client:
        token = await client.token()
        rule: dict[str, Any] = {"id": "hook", "target": {"kind": "webhook", "url": "https://127.0.0.1:9/"}}
        path = "/notifications/rules/hook"
        made = await client.ask("PUT", path, json=rule, headers=token)
        assert len(made.json()["secret"]) > 16
        assert (await client.ask("PUT", path, json=rule, headers=token)).json()["secret"] == ""
        assert (await client.ask("PUT", path, json={**rule, "id": "x"}, headers=token)).status_code == 422
        assert "secret" not in (await client.ask("GET", "/notifications/rules", headers=token)).text
        tried = await client.ask("POST", f"{path}/test", headers=token)
        assert tried.status_code == 202
        job = await client.services.jobs.wait(tried.json()["id"])
        assert job is not None
        assert job.state is JobState.FAILED
        found = (await client.ask("GET", f"/jobs/{job.id}", headers=token)).json()
        assert "the receiver 127.0.0.1" in found["outcome"]
        server = {"server": {"host": "mail.example", "sender": "a@example.org"}, "password": "secret word"}
        assert (
            await client.ask("PUT", "/notifications/server", json=server, headers=token)
        ).status_code == 204
        assert "secret word" not in (await client.ask("GET", "/notifications/server", headers=token)).text
        assert (await client.ask("DELETE", "/notifications/server", headers=token)).status_code == 204
        assert (await client.ask("DELETE", path, headers=token)).status_code == 204
        assert (await client.ask("DELETE", path, headers=token)).status_code == 404
        assert (await client.ask("GET", "/notifications/messages", headers=token)).json() == []
