"""Who is told of alarms, through a real mail server and a real receiver of webhooks."""

import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from pydantic import ValidationError

from mbusheadend.alarms.alarm import AlarmFilter, AlarmKey, Raised
from mbusheadend.alarms.delivery import FAILURES, LONGEST, Delivery
from mbusheadend.alarms.kinds import AlarmKind
from mbusheadend.alarms.outgoing import OutgoingState
from mbusheadend.alarms.rules import Mail, MailServer, Rule, Security, Webhook
from mbusheadend.alarms.sending import NotDeliveredError
from mbusheadend.alarms.webhook import signature_of
from mbusheadend.store import Store, StoreError, UnknownError
from mbusweb.texts import Text
from support.clocks import SetClock
from support.headend_messages import SERIAL, enrol
from support.receivers import DEAF, PASSWORD, USER, Mailbox, Receiver, https_receiver, mail_server

SECRET: Final = "a secret of the webhook"
SILENT: Final = AlarmKey(AlarmKind.MASTER_SILENT, SERIAL)


Clock = SetClock[datetime]


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime(2026, 11, 23, 12, tzinfo=UTC))


@pytest.fixture
def delivery(store: Store, clock: Clock) -> Iterator[Delivery]:
    delivery = Delivery(store, clock, lambda: "Readings of Mill Lane", lambda language, template: template)
    yield delivery
    delivery.close()


async def raise_one(store: Store, clock: Clock, key: AlarmKey = SILENT) -> None:
    await store.note_alarms(
        [Raised(key, Text("It has not called for %(hours)d h.", {"hours": 3}))], [], clock()
    )


def server_of(box: Mailbox, **facts: object) -> MailServer:
    values = {"host": "127.0.0.1", "port": box.port, "user": USER, "sender": "alarms@example.org", **facts}
    return MailServer.model_validate({"authority": box.authority, **values})


def mail_rule(*receivers: str, **facts: object) -> Rule:
    return Rule.model_validate(
        {"id": "people", "gather": 60, "target": Mail(receivers=receivers or ("ann@example.org",)), **facts}
    )


def hook_rule(receiver: Receiver, **facts: object) -> Rule:
    target = Webhook(url=f"{receiver.url}/alarms?of=me", authority=receiver.authority)
    return Rule.model_validate({"id": "hook", "gather": 1, "target": target, **facts})


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
async def test_a_thousand_alarms_make_one_mail(
    store: Store, clock: Clock, delivery: Delivery, tmp_path: Path, security: Security
) -> None:
    await enrol(store)
    await store.set_master(SERIAL, name="cellar", groups=[])
    with mail_server(tmp_path, starttls=security is Security.STARTTLS) as box:
        await store.put_mail_server(server_of(box, security=security), PASSWORD)
        await store.put_alarm_rule(mail_rule("ann@example.org", "bob@example.org"), None)
        for number in range(1000):
            await raise_one(store, clock, AlarmKey(AlarmKind.BUS_FAULT, SERIAL, None, f"bus {number}"))
        due = await delivery.step()
        assert due == clock() + timedelta(seconds=60)
        assert box.mails == []
        clock.time += timedelta(seconds=60)
        assert await delivery.step() is None
        assert await delivery.step() is None
    (mail,) = box.mails
    assert box.logins == [USER]
    assert mail["Subject"] == "[Readings of Mill Lane] 1000 alarms, 0 over"
    assert mail["To"] == "ann@example.org, bob@example.org"
    text = mail.get_content()
    assert text.count("Alarm: Fault of a bus – cellar (M1)") == 200
    assert "and 800 more" in text
    (sent,) = await store.outgoing()
    assert (sent.state, sent.error) == (OutgoingState.DELIVERED, "")
    assert sent.id in mail["Message-ID"]


async def test_an_alarm_that_is_over_is_told_with_what_it_was(
    store: Store, clock: Clock, delivery: Delivery, tmp_path: Path
) -> None:
    with mail_server(tmp_path) as box:
        await store.put_mail_server(server_of(box), PASSWORD)
        await store.put_alarm_rule(mail_rule(), None)
        for steps in ("raise", "clear", "raise and clear"):
            if "raise" in steps:
                await raise_one(store, clock)
            if "clear" in steps:
                await store.note_alarms([], [SILENT], clock())
            clock.time += timedelta(seconds=61)
            await delivery.step()
    assert [mail["Subject"].partition("] ")[2] for mail in box.mails] == [
        "Alarm: Master silent, M1",
        "Over: Master silent, M1",
        "Came and went: Master silent, M1",
    ]
    assert "It has not called for 3 h. (since 2026-11-23 12:00 UTC)" in box.mails[0].get_content()


async def test_one_of_several_receivers_that_is_refused_is_shown(
    store: Store, clock: Clock, delivery: Delivery, tmp_path: Path
) -> None:
    with mail_server(tmp_path) as box:
        await store.put_mail_server(server_of(box), PASSWORD)
        await store.put_alarm_rule(mail_rule("ann@example.org", DEAF), None)
        await raise_one(store, clock)
        clock.time += timedelta(seconds=61)
        await delivery.step()
        assert len(box.mails) == 1
        (sent,) = await store.outgoing()
        assert sent.state is OutgoingState.DELIVERED
        assert sent.error.startswith(f"{DEAF}: 550")
        await store.put_alarm_rule(mail_rule(DEAF), None)
        with pytest.raises(NotDeliveredError, match="refuses every receiver"):
            await delivery.send_trial("people")


async def test_a_trial_says_what_is_wrong_and_never_the_password(
    store: Store, clock: Clock, delivery: Delivery, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(UnknownError):
        await delivery.send_trial("people")
    await store.put_alarm_rule(mail_rule(), None)
    with pytest.raises(NotDeliveredError, match="no mail server"):
        await delivery.send_trial("people")
    wrong = "wrong password"
    with mail_server(tmp_path) as box:
        for facts, password, said in (
            ({}, wrong, "refuses the login"),
            ({"authority": ""}, PASSWORD, "not trusted"),
            ({"authority": "nonsense"}, PASSWORD, "no certificate"),
            ({"user": "", "security": "none"}, None, "530"),
            ({"host": "localhost", "port": 1}, PASSWORD, "mail server localhost"),
        ):
            await store.put_mail_server(server_of(box, **facts), password)
            with pytest.raises(NotDeliveredError, match=said) as failed:
                await delivery.send_trial("people")
            assert wrong not in str(failed.value)
        await store.put_mail_server(server_of(box), PASSWORD)
        await delivery.send_trial("people")
        assert [mail["Subject"] for mail in box.mails] == ["[Readings of Mill Lane] Test: Test"]
    assert PASSWORD not in caplog.text
    assert await store.outgoing() == ()


async def test_a_webhook_is_signed_and_says_all_in_json(
    store: Store, clock: Clock, delivery: Delivery, tmp_path: Path
) -> None:
    with https_receiver(tmp_path / "there") as receiver:
        await store.put_alarm_rule(hook_rule(receiver), SECRET)
        await raise_one(store, clock)
        clock.time += timedelta(seconds=2)
        await delivery.step()
    ((path, headers, body),) = receiver.got
    assert path == "/alarms?of=me"
    timestamp = int(headers["x-mbus-timestamp"])
    assert timestamp == int(clock().timestamp())
    assert headers["x-mbus-signature"] == signature_of(SECRET, timestamp, body)
    said = json.loads(body)
    assert said["id"] == headers["x-mbus-message"]
    assert (said["alarms"][0]["kind"], said["alarms"][0]["state"]) == ("master silent", "raised")
    assert said["alarms"][0]["text"] == "It has not called for 3 h."


async def test_what_does_not_arrive_comes_again_with_the_same_id_ever_more_rarely(
    store: Store, clock: Clock, delivery: Delivery, tmp_path: Path
) -> None:
    with https_receiver(tmp_path / "there") as receiver:
        receiver.answers += [500, 302, 429]
        await store.put_alarm_rule(hook_rule(receiver), SECRET)
        await raise_one(store, clock)
        clock.time += timedelta(seconds=2)
        pauses, errors = [], []
        for _ in range(FAILURES):
            due = await delivery.step()
            assert due is not None
            (waiting,) = await store.outgoing()
            errors.append(waiting.error.partition(" answers ")[2] or waiting.error.partition("1 ")[2])
            pauses.append((due - clock()).total_seconds())
            clock.time = due
        failing = AlarmFilter(is_open=True, kinds=frozenset({AlarmKind.MESSAGE_FAILED}))
        assert (await store.alarms(failing)).total == 1
        await delivery.step()
        assert (await store.alarms(failing)).total == 0
    assert pauses == [30, 60, 120]
    assert errors == ["500", "names another address, which is not called (302)", "429"]
    assert len({headers["x-mbus-message"] for _, headers, _ in receiver.got}) == 1
    assert {path for path, _, _ in receiver.got} == {"/alarms?of=me"}
    assert [one.state for one in await store.outgoing()] == [OutgoingState.DELIVERED]


async def test_a_receiver_that_does_not_answer_keeps_no_other_waiting_and_is_given_up_after_days(
    store: Store, clock: Clock, delivery: Delivery, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with https_receiver(tmp_path / "there") as receiver:
        dead = hook_rule(receiver, id="dead", target=Webhook(url=f"https://127.0.0.1:{port}/"))
        await store.put_alarm_rule(dead, SECRET)
        await store.put_alarm_rule(hook_rule(receiver), SECRET)
        await raise_one(store, clock)
        clock.time += timedelta(seconds=2)
        await delivery.step()
        assert len(receiver.got) == 1
        clock.time += LONGEST
        await delivery.step()
    states = {one.rule: one.state for one in await store.outgoing()}
    assert states == {"dead": OutgoingState.FAILED, "hook": OutgoingState.DELIVERED}


async def test_what_comes_while_a_message_does_not_arrive_makes_one_message_afterwards(
    store: Store, clock: Clock, delivery: Delivery, tmp_path: Path
) -> None:
    with https_receiver(tmp_path / "there") as receiver:
        receiver.answers += [500, 500]
        await store.put_alarm_rule(hook_rule(receiver), SECRET)
        for number in range(6):
            await raise_one(store, clock, AlarmKey(AlarmKind.BUS_FAULT, SERIAL, None, f"bus {number}"))
            clock.time += timedelta(seconds=20)
            await delivery.step()
        clock.time += timedelta(seconds=60)
        await delivery.step()
        await delivery.step()
    assert [json.loads(body)["begun"] for _, _, body in receiver.got] == [1, 1, 1, 5]


async def test_a_message_whose_rule_is_gone_is_given_up(
    store: Store, clock: Clock, delivery: Delivery, tmp_path: Path
) -> None:
    with https_receiver(tmp_path / "there") as receiver:
        receiver.answers += [500]
        await store.put_alarm_rule(hook_rule(receiver), SECRET)
        await raise_one(store, clock)
        clock.time += timedelta(seconds=2)
        await delivery.step()
        await store.put_alarm_rule(hook_rule(receiver, enabled=False), None)
        clock.time += timedelta(seconds=60)
        await delivery.step()
    assert [one.state for one in await store.outgoing()] == [OutgoingState.FAILED]


async def test_a_receiver_of_another_authority_gets_nothing(
    store: Store, clock: Clock, delivery: Delivery, tmp_path: Path
) -> None:
    with https_receiver(tmp_path / "there") as receiver, https_receiver(tmp_path / "here") as other:
        rule = hook_rule(receiver, target=Webhook(url=receiver.url, authority=other.authority))
        await store.put_alarm_rule(rule, SECRET)
        with pytest.raises(NotDeliveredError, match="not trusted"):
            await delivery.send_trial("hook")
        assert receiver.got == []


async def test_a_message_that_was_being_sent_at_a_crash_comes_again(
    store: Store, clock: Clock, delivery: Delivery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with https_receiver(tmp_path / "there") as receiver:
        await store.put_alarm_rule(hook_rule(receiver), SECRET)
        await raise_one(store, clock)
        clock.time += timedelta(seconds=2)

        async def crash(*_: object) -> None:
            raise StoreError("the power went off")

        with monkeypatch.context() as patched:
            patched.setattr(store, "note_delivery", crash)
            await delivery.step()
        await delivery.step()
    assert len(receiver.got) == 2
    assert receiver.got[0][1]["x-mbus-message"] == receiver.got[1][1]["x-mbus-message"]


@pytest.mark.parametrize(
    "url",
    ["http://example.org/", "https://", "https://me:pw@example.org/", "https://e.org/\r\nX: y", "file:///x"],
)
def test_a_webhook_has_an_address_that_is_safe_to_call(url: str) -> None:
    with pytest.raises(ValidationError):
        Webhook(url=url)


def test_a_password_never_goes_in_the_open() -> None:
    with pytest.raises(ValidationError, match="in the open"):
        MailServer(host="mail", security=Security.NONE, user="me", sender="me@example.org")
    with pytest.raises(ValidationError):
        Mail(receivers=("ann@example.org\r\nBcc: all@example.org",))
