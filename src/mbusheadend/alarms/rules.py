"""Who is told of which alarms: by mail, by webhook."""

from enum import StrEnum
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from mbusheadend.alarms.alarm import AlarmNews
from mbusheadend.alarms.kinds import AlarmKind, Severity

MAX_RECEIVERS: Final = 50
SHORTEST_SECRET: Final = 16


def _checked_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme != "https" or not parts.hostname:
        raise ValueError("a webhook is an address that begins with https://")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise ValueError("the address of a webhook has neither user nor password nor #")
    if parts.port == 0:
        raise ValueError("0 is no port")
    return text


Address = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}$")
]
"""Of a mailbox, in ASCII."""
Url = Annotated[str, StringConstraints(pattern=r"^[!-~]{9,2000}$"), AfterValidator(_checked_url)]
Host = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.:_-]{1,253}$")]
Line = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Pem = Annotated[str, StringConstraints(max_length=65536)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Mail(_Part):
    """Told by mail, through the mail server of the head-end."""

    kind: Literal["mail"] = "mail"
    receivers: Annotated[tuple[Address, ...], Field(min_length=1, max_length=MAX_RECEIVERS)]


class Webhook(_Part):
    """Told by HTTPS POST of JSON (`mbusheadend.alarms.webhook` says how it is signed).

    :ivar authority: PEM of the only authority that may vouch for the receiver; empty is those of the system.
    """

    kind: Literal["webhook"] = "webhook"
    url: Url
    authority: Pem = ""


class Rule(_Part):
    """Who is told of which alarms. What is empty chooses nothing.

    :ivar kinds: of alarms; :ivar severity: the least.
    :ivar groups: of the master or of the meter; either suffices. :ivar masters: serial numbers.
    :ivar tells_end: whether it is told too when an alarm is over.
    :ivar gather: seconds for which alarms are gathered after the first of them, to make one message.
    :ivar language: of the message.
    """

    id: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z._-]{1,64}$")]
    title: Line = ""
    enabled: bool = True
    kinds: frozenset[AlarmKind] = frozenset()
    severity: Severity = Severity.WARNING
    groups: Annotated[frozenset[str], Field(max_length=100)] = frozenset()
    masters: Annotated[frozenset[str], Field(max_length=1000)] = frozenset()
    tells_end: bool = True
    gather: Annotated[int, Field(ge=1, le=86400)] = 300
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")] = "en"
    target: Annotated[Mail | Webhook, Field(discriminator="kind")]

    def wants(self, news: AlarmNews) -> bool:
        """Tell whether it is for these."""
        alarm = news.alarm
        return (
            self.enabled
            and (self.tells_end or not news.is_over)
            and alarm.severity >= self.severity
            and (not self.kinds or alarm.key.kind in self.kinds)
            and (not self.masters or alarm.key.master in self.masters)
            and (not self.groups or not self.groups.isdisjoint(news.groups))
        )


class Security(StrEnum):
    """How the way to the mail server is kept secret."""

    STARTTLS = "starttls"
    """Demanded: without it nothing is sent."""
    TLS = "tls"
    NONE = "none"
    """For a mail server on this machine; then without user."""


class MailServer(_Part):
    """Through what mails go out.

    :ivar user: empty is no login; the password is stored apart, encrypted.
    :ivar authority: PEM of the only authority that may vouch for it; empty is those of the system.
    """

    host: Host
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    security: Security = Security.STARTTLS
    user: Line = ""
    sender: Address
    authority: Pem = ""

    @model_validator(mode="after")
    def _keep_the_password_secret(self) -> Self:
        if self.security is Security.NONE and self.user:
            raise ValueError("a login needs STARTTLS or TLS: the password would be sent in the open")
        return self
