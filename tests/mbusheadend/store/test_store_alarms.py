"""Alarms, rules, secrets and messages on their way."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from mbusheadend.alarms.alarm import AlarmFilter, AlarmKey, Raised
from mbusheadend.alarms.kinds import AlarmKind, Severity
from mbusheadend.alarms.outgoing import Outgoing, OutgoingState
from mbusheadend.alarms.rules import Mail, MailServer, Rule, Webhook
from mbusheadend.store import Store, StoreRefusedError, UnknownError
from mbusheadend.store.sqlite.store import SqliteStore
from mbusweb.texts import Text
from support.headend_messages import LATER, SERIAL, START, batch, contact, enrol, listed, reading
from support.headend_meters import ADDRESS, number_of, telegram

SILENT: Final = AlarmKey(AlarmKind.MASTER_SILENT, SERIAL)
MAIL: Final = Rule(id="all", target=Mail(receivers=("a@example.org",)))
HOUR: Final = timedelta(hours=1)


def raised(key: AlarmKey = SILENT, **facts: object) -> Raised:
    return Raised(key, Text("since %(when)s", {"when": "noon"}), **facts)  # type: ignore[arg-type]


def message(id: str, rule: str = "all") -> Outgoing:
    return Outgoing(id, rule, "{}", OutgoingState.WAITING, START, 0, START, START, "")


def content_of(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


async def test_of_an_alarm_one_is_open_and_counts(store: Store) -> None:
    assert await store.note_alarms([raised()], [], START) == 1
    assert await store.note_alarms([raised(), raised(is_new=True)], [], START + HOUR) == 0
    (alarm,) = (await store.alarms()).alarms
    assert (alarm.key, alarm.severity, str(alarm.text)) == (SILENT, Severity.ERROR, "since noon")
    assert (alarm.first, alarm.last, alarm.count, alarm.is_open) == (START, START + HOUR, 2, True)
    assert await store.note_alarms([], [SILENT, SILENT], START + 2 * HOUR) == 1
    assert (await store.alarm(alarm.id)).cleared == START + 2 * HOUR
    assert await store.note_alarms([raised()], [], LATER) == 1
    assert [one.is_open for one in (await store.alarms()).alarms] == [True, False]
    assert [news.is_over for news in await store.alarm_news(0)] == [False, True, False]


async def test_alarms_of_a_meter_go_with_it_to_another_master(store: Store) -> None:
    await enrol(store, "M1", "M2")
    await store.take("M1", batch(reading(1, ADDRESS, [telegram()])), START)
    meter = await number_of(store)
    kind = AlarmKind.METER_STATUS
    await store.note_alarms([raised(AlarmKey(kind, "M1", meter, "power_low"))], [], START)
    assert await store.note_alarms([raised(AlarmKey(kind, "M2", meter, "power_low"))], [], START) == 0
    assert await store.note_alarms([], [AlarmKey(kind, "M3", meter, "power_low")], START) == 1
    assert await store.note_alarms([raised(AlarmKey(kind, "M1", 999, "power_low"))], [], START) == 0
    await store.delete_meter(meter)
    assert (await store.alarms()).total == 0


async def test_settling_leaves_what_is_raised_and_ends_the_rest_of_that_master(store: Store) -> None:
    def bus(master: str, name: str) -> Raised:
        return raised(AlarmKey(AlarmKind.BUS_FAULT, master, None, name))

    for serial in ("M1", "M2"):
        await store.note_alarms([bus(serial, "a"), bus(serial, "b")], [], START)
    await store.settle_alarms([AlarmKind.BUS_FAULT], "M1", [bus("M1", "b"), bus("M1", "c")], LATER)
    still = (await store.alarms(AlarmFilter(is_open=True))).alarms
    assert sorted((one.key.master, one.key.detail) for one in still) == [
        ("M1", "b"), ("M1", "c"), ("M2", "a"), ("M2", "b"),
    ]  # fmt: skip
    assert await store.clear_alarms_of_others(["M1"], LATER) == 2
    assert await store.end_alarms([AlarmKind.BUS_FAULT], LATER, LATER) == 0
    assert await store.end_alarms([AlarmKind.BUS_FAULT], LATER + HOUR, LATER) == 2


async def test_who_knows_of_an_alarm_is_noted_once_until_it_gets_worse(store: Store) -> None:
    await store.note_alarms([raised(severity=Severity.WARNING)], [], START)
    ((alarm), *_) = (await store.alarms()).alarms
    assert await store.count_alarms() == {Severity.WARNING: 1}
    assert await store.acknowledge_alarms([alarm.id, 77], "ann", START, "the fitter comes on Friday") == 1
    assert await store.acknowledge_alarms([alarm.id], "bob", LATER) == 0
    known = await store.alarm(alarm.id)
    assert (known.acknowledged, known.acknowledged_by) == (START, "ann")
    assert known.note == "the fitter comes on Friday"
    assert await store.count_alarms() == {}
    assert await store.note_alarms([raised(severity=Severity.ERROR)], [], LATER) == 1
    assert await store.count_alarms() == {Severity.ERROR: 1}
    with pytest.raises(UnknownError):
        await store.alarm(77)


async def test_alarms_come_page_by_page_by_what_they_are(store: Store) -> None:
    keys = [AlarmKey(AlarmKind.BUS_FAULT, f"M{number}") for number in range(7)]
    await store.note_alarms([raised(key) for key in keys], [], START)
    await store.note_alarms([raised()], [keys[0]], START)
    chosen = AlarmFilter(is_open=True, kinds=frozenset({AlarmKind.BUS_FAULT}))
    first = await store.alarms(chosen, limit=4)
    rest = await store.alarms(chosen, first.before, limit=4)
    assert (first.total, rest.before) == (6, None)
    assert [one.key for one in (*first.alarms, *rest.alarms)] == keys[:0:-1]
    assert (await store.alarms(AlarmFilter(master="M3"))).total == 1
    assert (await store.alarms(AlarmFilter(is_acknowledged=True))).total == 0
    assert (await store.alarms(AlarmFilter(severity=Severity.ERROR))).total == 8


async def test_alarms_are_found_by_the_groups_of_their_master_or_meter(store: Store) -> None:
    await enrol(store)
    await enrol(store, "M2")
    await store.note_contact(SERIAL, contact(meters=listed(ADDRESS)), START)
    (meter,) = await store.meters()
    await store.set_master("M2", name="", groups=("North",))
    await store.set_meter(meter.id, name="", note="", groups=("Tenants",))
    keys = [AlarmKey(AlarmKind.BUS_FAULT, "M2"), AlarmKey(AlarmKind.METER_SILENT, SERIAL, meter.id)]
    await store.note_alarms([raised(key) for key in (*keys, AlarmKey(AlarmKind.DISK_FULL))], [], START)
    for group, key in zip(("North", "Tenants"), keys, strict=True):
        assert [one.key for one in (await store.alarms(AlarmFilter(group=group))).alarms] == [key]
    assert (await store.alarms(AlarmFilter(group="South"))).total == 0


async def test_news_say_in_which_groups_master_and_meter_are(store: Store) -> None:
    await enrol(store)
    await store.note_contact(SERIAL, contact(meters=listed(ADDRESS)), START)
    meter = await number_of(store)
    await store.set_master(SERIAL, name="cellar", groups=["north"])
    await store.set_meter(meter, name="flat 3", note="", groups=["water", "north"])
    await store.note_alarms([raised(AlarmKey(AlarmKind.METER_SILENT, SERIAL, meter))], [], START)
    (news,) = await store.alarm_news(0)
    assert news.groups == {"north", "water"}
    assert (news.master_name, news.meter, news.meter_name) == ("cellar", ADDRESS, "flat 3")
    assert MAIL.model_copy(update={"groups": frozenset({"water"})}).wants(news)
    assert not MAIL.model_copy(update={"groups": frozenset({"south"})}).wants(news)
    assert not MAIL.model_copy(update={"severity": Severity.ERROR}).wants(news)


async def test_a_rule_is_told_of_what_comes_after_it_was_made(store: Store) -> None:
    await store.note_alarms([raised()], [], START)
    await store.put_alarm_rule(MAIL, None)
    await store.put_alarm_rule(MAIL.model_copy(update={"title": "the caretaker"}), None)
    told = (await store.rules_told())["all"]
    assert await store.alarm_news(told) == ()
    assert [rule.title for rule in await store.alarm_rules()] == ["the caretaker"]
    await store.delete_alarm_rule("all")
    with pytest.raises(UnknownError):
        await store.delete_alarm_rule("all")


async def test_secrets_lie_in_the_store_encrypted(
    store: Store, opened: Callable[[], Store], tmp_path: Path
) -> None:
    hook = Rule(id="hook", target=Webhook(url="https://example.org/alarms"))
    server = MailServer(host="mail.example.org", user="me", sender="me@example.org")
    await store.put_alarm_rule(hook, "the secret of the hook")
    await store.put_mail_server(server, "the password")
    await store.put_alarm_rule(hook, None)
    await store.put_mail_server(server, None)
    store.close()
    again = opened()
    assert await again.rule_secret("hook") == "the secret of the hook"
    assert (await again.mail_server(), await again.mail_password()) == (server, "the password")
    content = content_of(tmp_path)
    assert b"the secret" not in content
    assert b"the password" not in content
    assert await again.rule_secret("other") is None
    await again.put_mail_server(None, None)
    assert (await again.mail_server(), await again.mail_password()) == (None, None)


async def test_without_a_key_file_no_secret_is_stored(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    with pytest.raises(StoreRefusedError):
        await store.put_alarm_rule(MAIL, "secret")
    await store.put_alarm_rule(MAIL, None)
    store.close()


async def test_a_message_waits_until_it_arrived_and_survives_a_restart(
    store: Store, opened: Callable[[], Store]
) -> None:
    await store.put_alarm_rule(MAIL, None)
    await store.put_outgoing("all", 5, message("one"))
    await store.put_outgoing("gone", 5, message("two", "gone"))
    assert await store.rules_told() == {"all": 5}
    store.close()
    store = opened()
    (waiting,) = await store.outgoing_due(START)
    await store.note_delivery("one", OutgoingState.WAITING, START + HOUR, "refused", START)
    assert await store.outgoing_due(START) == ()
    (again,) = await store.outgoing_due(START + HOUR)
    assert (waiting.attempts, again.attempts, again.error) == (0, 1, "refused")
    await store.note_delivery("one", OutgoingState.DELIVERED, LATER, "", LATER)
    assert await store.outgoing_due(LATER) == ()
    assert [one.state for one in await store.outgoing()] == [OutgoingState.DELIVERED]


async def test_what_is_over_is_forgotten_after_a_while(store: Store) -> None:
    await store.put_alarm_rule(MAIL, None)
    await store.note_alarms([raised(), raised(AlarmKey(AlarmKind.DISK_FULL))], [SILENT], START)
    await store.put_outgoing("all", 1, message("one"))
    await store.note_delivery("one", OutgoingState.DELIVERED, START, "", START)
    assert await store.forget_alarms(START, START) == 0
    while await store.forget_alarms(LATER, LATER, limit=1):
        pass
    assert [one.key.kind for one in (await store.alarms()).alarms] == [AlarmKind.DISK_FULL]
    assert await store.outgoing() == ()
    assert len(await store.alarm_news(1)) == 1


async def test_of_alarms_that_are_over_only_so_many_are_kept(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mbusheadend.store.sql.alarms.MOST_KEPT", 3)
    for _ in range(6):
        await store.note_alarms([raised()], [], START)
        await store.note_alarms([], [SILENT], START)
    while await store.forget_alarms(START, START):
        pass
    assert [one.id for one in (await store.alarms()).alarms] == [6, 5, 4]
