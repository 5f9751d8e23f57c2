"""Sends messages by mail: SMTP with STARTTLS or TLS from the beginning, with a login where one is given. Blocking."""

import smtplib
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final

from mbusheadend.alarms.rules import MailServer, Security
from mbusheadend.alarms.sending import NotDeliveredError, limited, reason, trust

ANSWER_SECONDS: Final = 30.0
LONGEST_SECONDS: Final = 120.0


def mail_of(
    server: MailServer, receivers: tuple[str, ...], id: str, subject: str, text: str, now: datetime
) -> EmailMessage:
    """Make a mail; the id makes the one of a message the same each time it is sent."""
    mail = EmailMessage()
    mail["Subject"] = subject
    mail["From"] = server.sender
    mail["To"] = ", ".join(receivers)
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{id}@{server.sender.rpartition('@')[2]}>"
    # Nobody's holiday notice is wanted (RFC 3834).
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text)
    return mail


def send_mail(server: MailServer, password: str | None, mail: EmailMessage) -> str:
    """Hand a mail over; say who of several receivers does not get it. Raise `NotDeliveredError` where nobody does."""
    place = f"the mail server {server.host}"
    try:
        with _connected(server) as smtp, limited(LONGEST_SECONDS, lambda: smtp.sock):
            if server.user:
                smtp.login(server.user, password or "")
            refused = smtp.send_message(mail)
    except smtplib.SMTPAuthenticationError as error:
        raise NotDeliveredError(f"{place} refuses the login: {_said(error.smtp_error)}") from None
    except smtplib.SMTPRecipientsRefused as error:
        raise NotDeliveredError(f"{place} refuses every receiver: {_refused(error.recipients)}") from None
    except smtplib.SMTPResponseException as error:
        raise NotDeliveredError(f"{place} says {error.smtp_code}: {_said(error.smtp_error)}") from None
    except smtplib.SMTPException as error:
        raise NotDeliveredError(f"{place}: {error}") from None
    except OSError as error:
        raise NotDeliveredError(f"{place}: {reason(error)}") from None
    except ValueError as error:
        raise NotDeliveredError(f"{place} cannot be used: {error}") from None
    return _refused(refused)


def _connected(server: MailServer) -> smtplib.SMTP:
    if server.security is Security.TLS:
        return smtplib.SMTP_SSL(
            server.host, server.port, timeout=ANSWER_SECONDS, context=trust(server.authority)
        )
    smtp = smtplib.SMTP(server.host, server.port, timeout=ANSWER_SECONDS)
    if server.security is Security.STARTTLS:
        try:
            smtp.starttls(context=trust(server.authority))
        except BaseException:
            smtp.close()
            raise
    return smtp


def _refused(refused: dict[str, tuple[int, bytes]]) -> str:
    return "; ".join(f"{who}: {code} {_said(text)}" for who, (code, text) in sorted(refused.items()))[:1000]


def _said(text: bytes | str) -> str:
    words = text.decode(errors="replace") if isinstance(text, bytes) else text
    return "".join(letter if letter.isprintable() else " " for letter in words)[:300]
