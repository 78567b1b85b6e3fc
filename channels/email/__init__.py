"""E-mail: a mailbox by IMAP (or raw mails by webhook) in, SMTP out.

Source: RFC 5321 and 5322; the other standards are named where they are kept. `receive` takes one
raw mail: from the edge's mailbox driver (`Request(method="MAILBOX", path="/mailbox")`), or posted
with the account's `webhook_secret`, as a mail server's pipe does. `send` yields calls to
`api_base`, a mail server, whose body is the raw mail.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Self
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from bot.errors import ConfigError
from bot.kit import callbacks, fetching, proofs
from bot.kit.callbacks import plain
from bot.model.channel import (
    AttachmentType,
    Capabilities,
    ForgeryReason,
    ReceiptStatus,
    Received,
)
from bot.model.mailbox import Mailbox
from channels.email import headers, reading, sending

if TYPE_CHECKING:
    from bot.model.channel import Attachment, Request
    from bot.model.sending import Outbound
    from bot.ports import Fetching, Sending

__all__ = ["Adapter", "Settings"]

_LARGEST = 10_485_760


class Settings(BaseModel):
    """One mail address of the company."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: str = Field(description="Our address: customers write to it, answers come from it.")
    other_addresses: tuple[str, ...] = Field(
        default=(), description="Further addresses of ours; mail from them is not a customer's."
    )
    sender_name: str | None = Field(
        default=None, max_length=100, description="Name shown beside our address."
    )
    subject: str = Field(
        default="Ditt ärende",
        min_length=1,
        max_length=200,
        description="Subject of a mail that answers no mail, or none that is known any more.",
    )
    api_base: str = Field(
        description="Mail server that sends: smtps://HOST (TLS from the start, port 465) or "
        "smtp://HOST (STARTTLS, port 587; without TLS on the loopback only). A sandbox: http://..."
    )
    mailbox: str | None = Field(
        default=None,
        description="Mail server that is read: imaps://HOST (port 993) or imap://HOST (STARTTLS, "
        "port 143; without TLS on the loopback only). None: mail comes by webhook alone.",
    )
    folder: str = Field(default="INBOX", min_length=1, description="Folder that is read.")
    done_folder: str | None = Field(
        default=None, description="Folder that read mail is moved to; none: it is marked in place."
    )
    username: str | None = Field(default=None, description="Log-in at both mail servers.")
    password: SecretStr | None = Field(default=None, description="... and its password.")
    webhook_secret: SecretStr | None = Field(
        default=None,
        description="You make it up. Raw mails (message/rfc822) may be posted to "
        ".../webhooks/email/ACCOUNT?secret=..., or with it as the password of the user samtal.",
    )
    authserv_id: str | None = Field(
        default=None,
        description="Name in the Authentication-Results of your own mail server. Mail that it does "
        "not find to be from its sender (dmarc, or aligned dkim) is then set aside unread.",
    )
    newest: timedelta = Field(
        default=timedelta(days=7),
        ge=timedelta(days=1),
        description="Mail older than this is left in the mailbox, so that a first start does not "
        "answer the mail of years.",
    )
    poll: timedelta = Field(
        default=timedelta(seconds=30),
        ge=timedelta(seconds=1),
        description="How often the mailbox is looked into; a server with IDLE tells at once.",
    )
    max_mail_bytes: int = Field(
        default=_LARGEST,
        ge=10_000,
        le=_LARGEST,
        description="Of a longer mail only so much is read.",
    )
    max_files: int = Field(default=20, ge=0, description="Most files of one mail.")
    max_text_length: int = Field(
        default=20_000,
        ge=1,
        le=sending.LONGEST_TEXT,
        description="Longest text of one mail, in characters; more is split.",
    )
    rate: float | None = Field(
        default=5.0, gt=0, description="Mails a second that the account may send; none: no limit."
    )
    patience: timedelta = Field(
        default=timedelta(seconds=40),
        gt=timedelta(0),
        le=timedelta(seconds=40),
        description="How long the mail server may take to take a mail.",
    )

    @model_validator(mode="after")
    def _sound(self) -> Self:
        """Refuse what could neither be read nor answered."""
        for each in (self.address, *self.other_addresses):
            _refuse(headers.address(each) is None, f"{each!r} is no mail address", "address")
        _check_url(self.api_base, {"smtp", "smtps", "http", "https"}, key="api_base")
        if self.mailbox is not None:
            _check_url(self.mailbox, {"imap", "imaps"}, key="mailbox")
            lacks = not (self.username and plain(self.password))
            _refuse(lacks, "a mailbox wants a log-in", "username, password")
        return self


class Adapter:
    """One address. Does no I/O and keeps no state."""

    name = "email"

    def __init__(self, settings: Settings, *, account: str, public_base_url: str) -> None:
        self.account = account
        self._settings = settings
        self._base = public_base_url.rstrip("/")
        own = filter(None, map(headers.address, (settings.address, *settings.other_addresses)))
        self._room = reading.Mailroom(
            own=frozenset(own),
            server=settings.authserv_id,
            files=f"{self._base}/files",
            most_file_bytes=_LARGEST,
            most_files=settings.max_files,
        )
        self.capabilities = Capabilities(
            text_limit=settings.max_text_length,
            attachments=frozenset(AttachmentType),
            receipts=frozenset({ReceiptStatus.DELIVERED, ReceiptStatus.FAILED}),
            rate=settings.rate,
            spoofable=settings.authserv_id is None,
            extended=frozenset({"opt_out_keywords", "urls"}),
        )
        self.mailbox = _mailbox(settings)

    def receive(self, request: Request) -> Received:
        """Prove and read one raw mail; a repeat of it has the same keys."""
        reason = self._refusal(request)
        if reason is not None:
            return callbacks.forged(reason)
        found = reading.read(request.body, self._room)
        return callbacks.received(found.events).model_copy(update={"files": found.files})

    def send(self, message: Outbound) -> Sending:
        """Send a message in as many mails as it takes; files go with the first."""
        return sending.send(message, settings=self._settings, base=self._base)

    def fetch(self, attachment: Attachment) -> Fetching:
        """Get a file by its address; those of mails lie in the store, where the edge finds them."""
        return fetching.get(attachment.url, attachment)

    def deep_link(self, code: str) -> str | None:
        """A link that opens a mail to us with the code written (RFC 6068)."""
        return f"mailto:{quote(self._settings.address, safe='@')}?body={quote(code, safe='')}"

    def _refusal(self, request: Request) -> ForgeryReason | None:
        # The path too: a server may let any word through as the method of a webhook.
        if (request.method, request.path) == ("MAILBOX", "/mailbox"):
            return None
        secret = plain(self._settings.webhook_secret)
        if request.method != "POST" or not secret:
            return ForgeryReason.MISSING
        return proofs.callback_secret(secret=secret, request=request)


def _mailbox(settings: Settings) -> Mailbox | None:
    if settings.mailbox is None or settings.password is None:
        return None
    return Mailbox(
        url=settings.mailbox,
        username=settings.username or "",
        password=settings.password,
        folder=settings.folder,
        done_folder=settings.done_folder,
        newest=settings.newest,
        poll=settings.poll,
        max_bytes=settings.max_mail_bytes,
    )


def _check_url(url: str, schemes: set[str], *, key: str) -> None:
    try:
        parts = urlsplit(url)
        bad = parts.scheme not in schemes or not parts.hostname or (parts.port or 1) < 1
    except ValueError:
        bad = True
    _refuse(bad or "@" in url, f"{url!r} is no {'://, '.join(sorted(schemes))}:// address", key)


def _refuse(wrong: bool, what: str, key: str) -> None:  # noqa: FBT001 - a check reads so
    if wrong:
        raise ConfigError(what, where=f"e-mail account, {key}", mend="See docs/operations.md")
