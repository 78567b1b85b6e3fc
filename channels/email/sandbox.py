"""A customer's mail program, played for the sandbox: raw mails both ways, over HTTP.

Neither SMTP nor IMAP is played; the mails are what they would carry. The reply to a call has the
status that SMTP would give.
"""

from __future__ import annotations

import hmac
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP, default
from email.utils import format_datetime
from typing import TYPE_CHECKING

from bot.kit import playing, proofs
from bot.kit.callbacks import plain
from bot.kit.text import clean
from bot.model.channel import Answer
from bot.model.phone import PhoneShows, ProviderTook
from channels.email.sending import ENVELOPE_TO, MAIL_TYPE

if TYPE_CHECKING:
    from datetime import datetime

    from bot.model.channel import Request
    from bot.model.phone import PhoneWrites
    from channels.email import Settings

_REPORT = """\
From: MAILER-DAEMON@sandbox.example\r
To: {sender}\r
Subject: Delivered\r
Auto-Submitted: auto-replied\r
MIME-Version: 1.0\r
Content-Type: multipart/report; report-type=delivery-status; boundary="part"\r
\r
--part\r
Content-Type: text/plain\r
\r
The mail was delivered.\r
--part\r
Content-Type: message/delivery-status\r
\r
Reporting-MTA: dns; sandbox.example\r
\r
Final-Recipient: rfc822; {recipient}\r
Action: delivered\r
Status: 2.1.5\r
\r
--part\r
Content-Type: text/rfc822-headers\r
\r
Message-ID: {id}\r
\r
--part--\r
"""


class Loopback:
    """A mail server with one customer; see `bot.ports.Provider`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def write(self, writes: PhoneWrites, *, url: str, at: datetime, number: int) -> Request:
        """The raw mail that a customer sends; a choice is what its words say."""
        mail = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
        name = " ".join(clean(writes.name or "").split()).replace('"', "")
        quoted = f'"{name}" ' if name else ""
        mail["From"] = f"{quoted}<{writes.user}>"
        mail["To"] = self._settings.address
        mail["Date"] = format_datetime(at)
        mail["Message-ID"] = f"<sandbox.{number}@{writes.user.rpartition('@')[2]}>"
        mail.set_content(f"{clean(writes.text or writes.payload or '')}\n")
        return self._posted(mail.as_bytes(), url=url, at=at)

    def take(self, request: Request, *, url: str, number: int) -> ProviderTook:  # noqa: ARG002 - the port's
        """Take a mail, show it, report that it was delivered (RFC 3464)."""
        refusal = self._refusal(request)
        if refusal is not None:
            return ProviderTook(answer=refusal)
        mail = BytesParser(EmailMessage, policy=default).parsebytes(request.body)
        body = mail.get_body(("plain",))
        files = mail.iter_attachments()
        to = request.header(ENVELOPE_TO) or ""
        said = str(body.get_content()) if body is not None else ""
        text = said.replace("\r\n", "\n").removesuffix("\n")
        names = tuple(each.get_filename() or "file" for each in files)
        report = _REPORT.format(
            sender=self._settings.address, recipient=to, id=mail["Message-ID"] or ""
        )
        webhook = self._posted(report.encode(), url=url, at=request.received_at)
        return ProviderTook(
            answer=Answer(status=200, body=b"2.0.0 OK: queued"),
            shows=(PhoneShows(user=to, text=text, attachments=names),),
            webhooks=(webhook,),
        )

    def _refusal(self, request: Request) -> Answer | None:
        settings = self._settings
        if settings.username:
            ours = proofs.basic_authorization(
                user=settings.username, password=plain(settings.password)
            )
            if not hmac.compare_digest(request.header("authorization") or "", ours):
                return Answer(status=535, body=b"5.7.8 authentication credentials invalid")
        if request.method != "POST" or not request.path.endswith("/send"):
            return Answer(status=502, body=b"5.5.1 command not implemented")
        return None

    def _posted(self, raw: bytes, *, url: str, at: datetime) -> Request:
        secret = plain(self._settings.webhook_secret)
        shown = proofs.basic_authorization(user=proofs.CALLBACK_USER, password=secret)
        return playing.webhook(
            url, body=raw, at=at, mime=MAIL_TYPE, headers=[("authorization", shown)]
        )
