"""A message of many alarms in one, and its words."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from mbusheadend.alarms.alarm import AlarmNews
from mbusheadend.alarms.kinds import TITLES
from mbusweb.texts import mark

Translate = Callable[[str, str], str]
"""Gives a template in a language: language, template."""
MOST_LISTED: Final = 200
"""Alarms that a message names; of more it says how many."""

_ONE: Final = mark("%(title)s: %(what)s")
_MANY: Final = mark("%(begun)d alarms, %(over)d over")
_HEAD: Final = mark("%(begun)d alarms began, %(over)d are over.")
_MORE: Final = mark("… and %(count)d more; the head-end shows them all.")
_STATES: Final = {
    "raised": mark("Alarm"),
    "over": mark("Over"),
    "passed": mark("Came and went"),
    "test": mark("Test"),
}
_FROM: Final = mark("since %(time)s UTC")
_TEST: Final = mark("This is a test: alarms come this way.")

State = Literal["raised", "over", "passed", "test"]


class Entry(BaseModel):
    """An alarm in a message.

    :ivar state: whether it began, is over, or both since the last message.
    :ivar meter: identity; names are those that people gave.
    :ivar severity: 1 notice, 2 warning, 3 error.
    """

    model_config = ConfigDict(frozen=True)

    alarm: int
    state: State
    kind: str
    title: str
    severity: int
    text: str
    master: str
    master_name: str
    meter: str
    meter_name: str
    detail: str
    first: datetime
    last: datetime
    count: int

    @property
    def about(self) -> str:
        """What it is about, in a word."""
        return self.meter_name or self.meter or self.master_name or self.master


class Message(BaseModel):
    """What a rule tells.

    :ivar id: the same one where a message comes again.
    :ivar more: alarms that are not listed.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    rule: str
    head_end: str
    made: datetime
    language: str
    begun: int
    over: int
    alarms: tuple[Entry, ...]
    more: int = 0


def message_of(
    news: Iterable[AlarmNews],
    *,
    id: str,
    rule: str,
    head_end: str,
    made: datetime,
    language: str,
    translate: Translate,
) -> Message:
    """Put news together: of each alarm its last state, the worst and the newest first."""
    states: dict[int, tuple[AlarmNews, State]] = {}
    for one in news:
        before = states.get(one.alarm.id)
        state: State = "over" if one.is_over else "raised"
        if before is not None and one.is_over and before[1] == "raised":
            state = "passed"
        states[one.alarm.id] = (one, state)
    entries = [_entry(one, state, language, translate) for one, state in states.values()]
    entries.sort(key=lambda entry: (entry.state != "raised", -entry.severity, -entry.alarm))
    begun = sum(entry.state == "raised" for entry in entries)
    return Message(
        id=id,
        rule=rule,
        head_end=head_end,
        made=made,
        language=language,
        begun=begun,
        over=len(entries) - begun,
        alarms=tuple(entries[:MOST_LISTED]),
        more=max(0, len(entries) - MOST_LISTED),
    )


def trial_message(
    *, id: str, rule: str, head_end: str, made: datetime, language: str, translate: Translate
) -> Message:
    """Give a message that tells of nothing."""
    entry = Entry(
        alarm=0,
        state="test",
        kind="test",
        title=translate(language, _STATES["test"]),
        severity=1,
        text=translate(language, _TEST),
        master="",
        master_name="",
        meter="",
        meter_name="",
        detail="",
        first=made,
        last=made,
        count=1,
    )
    return Message(
        id=id, rule=rule, head_end=head_end, made=made, language=language, begun=0, over=0, alarms=(entry,)
    )


def subject_of(message: Message, translate: Translate) -> str:
    """Give the subject of a mail."""
    if len(message.alarms) == 1 and not message.more:
        (entry,) = message.alarms
        state = translate(message.language, _STATES[entry.state])
        what = ", ".join(part for part in (entry.title, entry.about) if part)
        said = translate(message.language, _ONE) % {"title": state, "what": what}
    else:
        said = translate(message.language, _MANY) % {"begun": message.begun, "over": message.over}
    return " ".join(f"[{message.head_end}] {said}".split())[:200]


def text_of(message: Message, translate: Translate) -> str:
    """Give the text of a mail."""
    lines = []
    if message.begun or message.over:
        lines += [translate(message.language, _HEAD) % {"begun": message.begun, "over": message.over}, ""]
    for entry in message.alarms:
        state = translate(message.language, _STATES[entry.state])
        about = " / ".join(
            part
            for part in (_named(entry.master, entry.master_name), _named(entry.meter, entry.meter_name))
            if part
        )
        since = translate(message.language, _FROM) % {"time": f"{entry.first:%Y-%m-%d %H:%M}"}
        lines.append(f"{state}: {entry.title}" + (f" – {about}" if about else ""))
        lines.append(f"    {entry.text} ({since})")
    if message.more:
        lines += ["", translate(message.language, _MORE) % {"count": message.more}]
    return "\n".join((*lines, "", f"-- \n{message.head_end}", ""))


def _entry(news: AlarmNews, state: State, language: str, translate: Translate) -> Entry:
    alarm = news.alarm
    template = translate(language, alarm.text.template)
    return Entry(
        alarm=alarm.id,
        state=state,
        kind=alarm.key.kind,
        title=translate(language, TITLES[alarm.key.kind]),
        severity=alarm.severity,
        text=template % alarm.text.values if alarm.text.values else template,
        master=alarm.key.master,
        master_name=news.master_name,
        meter=news.meter,
        meter_name=news.meter_name,
        detail=alarm.key.detail,
        first=alarm.first,
        last=alarm.last,
        count=alarm.count,
    )


def _named(what: str, name: str) -> str:
    return f"{name} ({what})" if name and what else name or what
