"""The form of a rule: who is told of which alarms."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError

from mbusheadend.alarms.kinds import AlarmKind, Severity
from mbusheadend.alarms.rules import MAX_RECEIVERS, Mail, Rule, Webhook
from mbusheadend.web.alarm_texts import LOOKS, severity_of
from mbusweb.locale import LANGUAGES
from mbusweb.locale import gettext as _

MAIL: Final = "mail"
WEBHOOK: Final = "webhook"
MOST_FIELD: Final = 70_000
"""Characters of a field: a chain of certificates is the longest."""


@dataclass(slots=True)
class RuleForm:
    """What somebody has filled in, as it came; `problems` say what is wrong, by field, translated.

    :ivar id: empty for a new rule.
    """

    id: str = ""
    kind: str = MAIL
    title: str = ""
    enabled: bool = True
    severity: str = LOOKS[Severity.WARNING]
    kinds: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    masters: str = ""
    tells_end: bool = True
    minutes: str = "5"
    language: str = "en"
    receivers: str = ""
    url: str = ""
    authority: str = ""
    new_secret: bool = False
    problems: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, rule: Rule) -> "RuleForm":
        """Fill a form in with a rule."""
        target = rule.target
        return cls(
            id=rule.id,
            kind=target.kind,
            title=rule.title,
            enabled=rule.enabled,
            severity=LOOKS[rule.severity],
            kinds=frozenset(map(str, rule.kinds)),
            groups=rule.groups,
            masters="\n".join(sorted(rule.masters)),
            tells_end=rule.tells_end,
            minutes=f"{rule.gather / 60:g}",
            language=rule.language,
            receivers="\n".join(target.receivers) if isinstance(target, Mail) else "",
            url=target.url if isinstance(target, Webhook) else "",
            authority=target.authority if isinstance(target, Webhook) else "",
        )

    @classmethod
    def read(cls, values: Mapping[str, Sequence[str]], id: str = "", language: str = "en") -> "RuleForm":
        """Take what a browser sent."""

        def one(name: str, otherwise: str = "") -> str:
            return (list(values.get(name, ())) or [otherwise])[-1][:MOST_FIELD].strip()

        return cls(
            id=id,
            kind=WEBHOOK if one("kind") == WEBHOOK else MAIL,
            title=one("title"),
            enabled=one("enabled") == "true",
            severity=one("severity"),
            kinds=frozenset(values.get("kinds", ())),
            groups=frozenset(values.get("groups", ())),
            masters=one("masters"),
            tells_end=one("tells_end") == "true",
            minutes=one("minutes", "5"),
            language=one("language", language),
            receivers=one("receivers"),
            url=one("url"),
            authority=one("authority"),
            new_secret=one("new_secret") == "true",
        )

    def rule(self) -> Rule | None:
        """Give the rule; None, and `problems`, where it makes none."""
        self.problems = {}
        gather = self._gather()
        target: dict[str, Any] = {"kind": MAIL, "receivers": _words(self.receivers)}
        if self.kind == WEBHOOK:
            target = {"kind": WEBHOOK, "url": self.url, "authority": self.authority}
        try:
            rule = Rule.model_validate(
                {
                    "id": self.id or f"rule-{secrets.token_hex(4)}",
                    "title": self.title,
                    "enabled": self.enabled,
                    "severity": severity_of(self.severity),
                    "kinds": frozenset(kind for kind in self.kinds if kind in set(AlarmKind)),
                    "groups": self.groups,
                    "masters": frozenset(_words(self.masters)),
                    "tells_end": self.tells_end,
                    "gather": gather,
                    "language": self.language if self.language in LANGUAGES else "en",
                    "target": target,
                }
            )
        except ValidationError as error:
            self.problems |= _problems(error)
            return None
        return None if self.problems else rule

    def _gather(self) -> int:
        try:
            seconds = round(float(self.minutes.replace(",", ".")) * 60)
        except (ValueError, OverflowError):
            seconds = 0
        if not 1 <= seconds <= 86400:
            self.problems["minutes"] = _("Give minutes, up to 1440.")
            return 300
        return seconds


def _words(text: str) -> list[str]:
    return [word for word in text.replace(",", " ").replace(";", " ").split() if word]


def _problems(error: ValidationError) -> dict[str, str]:
    """Say what is wrong, by field of the form."""
    texts = {
        "title": _("A title has at most 200 characters."),
        "groups": _("Choose at most 100 groups."),
        "masters": _("Name at most 1000 masters."),
        "receivers": _("Give 1 to %(most)s mail addresses such as anna@example.org.")
        % {"most": MAX_RECEIVERS},
        "url": _("Give an address that begins with https:// and has neither user nor password nor #."),
        "authority": _("This certificate is too long."),
    }
    found = {}
    for one in error.errors(include_input=False, include_url=False):
        name = next((str(part) for part in reversed(one["loc"]) if str(part) in texts), "title")
        found[name] = texts[name]
    return found
