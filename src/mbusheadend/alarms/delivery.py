"""Makes messages of news, as the rules want them, and sends them until they have arrived.

A message lies in the store before it is sent, together with how far the rule was told: nothing is left out, and after a crash a
message may come twice, with the same id. Sending happens in threads of its own; nothing else waits for it.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Final, TypeVar

from pydantic import ValidationError

from mbusheadend.alarms.alarm import AlarmKey, AlarmNews, Raised
from mbusheadend.alarms.kinds import AlarmKind
from mbusheadend.alarms.mail import mail_of, send_mail
from mbusheadend.alarms.news import Message, Translate, message_of, subject_of, text_of, trial_message
from mbusheadend.alarms.outgoing import Outgoing, OutgoingState
from mbusheadend.alarms.rules import Mail, Rule
from mbusheadend.alarms.sending import NotDeliveredError
from mbusheadend.alarms.webhook import post
from mbusheadend.store import Store, StoreError, StoreRefusedError, UnknownError
from mbusweb.texts import Text, mark

T = TypeVar("T")
SENDERS: Final = 4
"""Messages that are sent at the same time, each to another receiver."""
MOST_NEWS: Final = 20_000
"""That make one message."""
FIRST_PAUSE: Final = timedelta(seconds=30)
LONGEST_PAUSE: Final = timedelta(hours=1)
LONGEST: Final = timedelta(days=3)
"""After that a message is given up."""
FAILURES: Final = 3
"""In a row make an alarm."""
MOST_WAITING: Final = 1000
"""One of each rule."""
NOT_IN_FORCE: Final = "the rule is not in force any more"
OTHER_VERSION: Final = "another version of the head-end made it"
NO_SERVER: Final = "there is no mail server in the settings of the head-end"
NOT_DELIVERED: Final = mark("The message of the rule “%(rule)s” does not arrive: %(reason)s")

_log = logging.getLogger(__name__)


class Delivery:
    """Tells people and programs of alarms.

    :param name: gives what the head-end is called.
    """

    def __init__(
        self, store: Store, now: Callable[[], datetime], name: Callable[[], str], translate: Translate
    ) -> None:
        self._store = store
        self._now = now
        self._name = name
        self._translate = translate
        self._dues: dict[str, tuple[Rule, datetime]] = {}
        self._threads: ThreadPoolExecutor | None = None

    def close(self) -> None:
        """Begin to send nothing of what waits; what is being sent goes on for a moment."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None

    async def step(self) -> datetime | None:
        """Make the messages that are due and try to send what waits; give when to come again, None with the next alarm.

        Raise `StoreError`.
        """
        waiting = {one.rule for one in await self._store.outgoing_due(self._now() + LONGEST, MOST_WAITING)}
        # What comes while a message does not arrive makes one message afterwards.
        rules = [rule for rule in await self._store.alarm_rules() if rule.id not in waiting]
        dues = [await self._gather(rule) for rule in rules]
        dues.append(await self._send())
        return min((due for due in dues if due is not None), default=None)

    async def send_trial(self, id: str) -> None:
        """Send a message of no alarm by a rule; raise `NotDeliveredError`, or `UnknownError` where there is no such rule."""
        rule = next((rule for rule in await self._store.alarm_rules() if rule.id == id), None)
        if rule is None:
            raise UnknownError(f"there is no rule {id}")
        message = trial_message(
            id=secrets.token_hex(16),
            rule=rule.title or rule.id,
            head_end=self._name(),
            made=self._now(),
            language=rule.language,
            translate=self._translate,
        )
        refused = await self._send_one(rule, message)
        if refused:
            raise NotDeliveredError(refused)

    async def _gather(self, rule: Rule) -> datetime | None:
        """Make a message of what a rule was not told yet, if it is time; give when it will be."""
        known = self._dues.get(rule.id)
        if known is not None and known[0] == rule and self._is_ahead(rule, known[1]):
            # What came is not read again and again until it is time.
            return known[1]
        self._dues.pop(rule.id, None)
        told = (await self._store.rules_told()).get(rule.id)
        if told is None:
            return None
        news = await self._news(told)
        wanted = [one for one in news if rule.wants(one) and not _is_about(rule, one)]
        if wanted:
            due = wanted[0].at + timedelta(seconds=rule.gather)
            if self._is_ahead(rule, due):
                self._dues[rule.id] = rule, due
                return due
        if news:
            outgoing = self._outgoing(rule, wanted) if wanted else None
            await self._store.put_outgoing(rule.id, news[-1].id, outgoing)
            return self._now() if len(news) >= MOST_NEWS else None
        return None

    def _is_ahead(self, rule: Rule, due: datetime) -> bool:
        """Tell whether to wait; a clock that was set back lets nobody wait for hours."""
        return self._now() < due <= self._now() + timedelta(seconds=rule.gather)

    async def _news(self, told: int) -> list[AlarmNews]:
        found: list[AlarmNews] = []
        while len(found) < MOST_NEWS:
            more = await self._store.alarm_news(found[-1].id if found else told)
            if not more:
                break
            found.extend(more)
        return found

    def _outgoing(self, rule: Rule, news: Iterable[AlarmNews]) -> Outgoing:
        now = self._now()
        message = message_of(
            news,
            id=secrets.token_hex(16),
            rule=rule.title or rule.id,
            head_end=self._name(),
            made=now,
            language=rule.language,
            translate=self._translate,
        )
        body = message.model_dump_json()
        return Outgoing(message.id, rule.id, body, OutgoingState.WAITING, now, 0, now, now, "")

    async def _send(self) -> datetime | None:
        """Try to send what is due, of each rule one message; give when the next is due."""
        now = self._now()
        rules = {rule.id: rule for rule in await self._store.alarm_rules()}
        async with asyncio.TaskGroup() as tasks:
            for message in await self._store.outgoing_due(now, MOST_WAITING):
                tasks.create_task(self._try(rules.get(message.rule), message))
        waiting = await self._store.outgoing_due(now + LONGEST_PAUSE, 1)
        return max(waiting[0].due, now + timedelta(seconds=1)) if waiting else None

    async def _try(self, rule: Rule | None, outgoing: Outgoing) -> None:
        try:
            await self._deliver(rule, outgoing)
        except StoreError as error:
            # What was sent and could not be noted comes again, with the same id.
            _log.error("%s", error)

    async def _deliver(self, rule: Rule | None, outgoing: Outgoing) -> None:
        now = self._now()
        if rule is None or not rule.enabled:
            await self._store.note_delivery(outgoing.id, OutgoingState.FAILED, now, NOT_IN_FORCE, now)
            return
        try:
            message = Message.model_validate_json(outgoing.body)
        except ValidationError:
            await self._store.note_delivery(outgoing.id, OutgoingState.FAILED, now, OTHER_VERSION, now)
            return
        try:
            refused = await self._send_one(rule, message)
        except NotDeliveredError as error:
            await self._failed(rule, outgoing, str(error))
            return
        await self._store.note_delivery(outgoing.id, OutgoingState.DELIVERED, now, refused, now)
        await self._store.note_alarms([], [_failure(rule)], now)

    async def _failed(self, rule: Rule, outgoing: Outgoing, error: str) -> None:
        now = self._now()
        given_up = now - outgoing.added >= LONGEST
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(outgoing.attempts, 12))
        state = OutgoingState.FAILED if given_up else OutgoingState.WAITING
        await self._store.note_delivery(outgoing.id, state, now + pause, error, now)
        _log.warning("a message by the rule %s does not arrive: %s", rule.id, error)
        if outgoing.attempts + 1 >= FAILURES:
            text = Text(NOT_DELIVERED, {"rule": rule.title or rule.id, "reason": error})
            await self._store.note_alarms([Raised(_failure(rule), text)], [], now)

    async def _send_one(self, rule: Rule, message: Message) -> str:
        """Send a message now; say which receivers refused it. Raise `NotDeliveredError`."""
        now, target = self._now(), rule.target
        try:
            if isinstance(target, Mail):
                return await self._send_mail(target, message, now)
            secret = await self._store.rule_secret(rule.id)
        except StoreRefusedError as error:
            raise NotDeliveredError(str(error)) from None
        body = message.model_dump_json().encode()
        await self._in_thread(lambda: post(target, secret, message.id, body, now))
        return ""

    async def _send_mail(self, target: Mail, message: Message, now: datetime) -> str:
        server = await self._store.mail_server()
        if server is None:
            raise NotDeliveredError(NO_SERVER)
        password = await self._store.mail_password()
        subject, text = subject_of(message, self._translate), text_of(message, self._translate)
        mail = mail_of(server, target.receivers, message.id, subject, text, now)
        return await self._in_thread(lambda: send_mail(server, password, mail))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(SENDERS, "alarm-sender")
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _failure(rule: Rule) -> AlarmKey:
    return AlarmKey(AlarmKind.MESSAGE_FAILED, detail=rule.id)


def _is_about(rule: Rule, news: AlarmNews) -> bool:
    """Tell whether news are that this rule's own messages do not arrive: to tell that the same way would be in vain."""
    return news.alarm.key == _failure(rule)
