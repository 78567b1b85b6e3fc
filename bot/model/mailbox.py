"""A mailbox whose mails a channel wants to have, each as one `Request`."""

from __future__ import annotations

from datetime import timedelta

from pydantic import SecretStr

from bot.model.value import Value


class Mailbox(Value):
    """A folder at an IMAP server, and how it is read.

    `url`: `imaps://host`, or `imap://host` with STARTTLS. Mail that came more than `newest` ago is
    left alone; of one longer than `max_bytes` only so much is read.
    """

    url: str
    username: str
    password: SecretStr
    folder: str = "INBOX"
    done_folder: str | None = None
    newest: timedelta = timedelta(days=7)
    poll: timedelta = timedelta(seconds=30)
    max_bytes: int = 10_485_760
