"""Trust in the visitor's language: where it comes from, whether it holds, and what is wrong with names and certificates."""

from dataclasses import dataclass
from datetime import datetime

from mbusmaster.channels.trust import Kind, Origin, TrustedClient, TrustError
from mbusmaster.web.phrases import phrase
from mbusweb.locale import format_date
from mbusweb.locale import gettext as _


@dataclass(frozen=True, slots=True)
class Condition:
    """Whether a client can come in.

    :ivar look: good, off or bad.
    """

    look: str
    text: str

    @property
    def is_good(self) -> bool:
        """Whether it can."""
        return self.look == "good"


def condition(client: TrustedClient, now: datetime) -> Condition:
    """Say whether a client can come in."""
    if client.revoked is not None:
        return Condition("bad", _("Revoked on %(date)s") % {"date": format_date(client.revoked)})
    if client.expires < now:
        return Condition("off", _("Expired"))
    return Condition("good", _("Trusted"))


def origin_texts() -> dict[str, str]:
    """Give a text for each place that trust comes from."""
    return {
        Origin.OWN: _("Issued here"),
        Origin.SINGLE: _("Added certificate"),
        Origin.AUTHORITY: _("Added authority"),
    }


def kind_texts() -> dict[str, str]:
    """Give a text for each kind of certificate that can be added."""
    return {
        Kind.SINGLE: _("A single client: only who has this certificate comes in"),
        Kind.AUTHORITY: _("An authority (CA): everybody whose certificate it has signed comes in"),
    }


def trust_problem(error: TrustError) -> str:
    """Give an error as a sentence."""
    text = phrase(str(error))
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
