"""One connection to an IMAP server; its calls block, so they are made on a thread."""

from __future__ import annotations

import ssl
import threading
import time
from contextlib import suppress
from datetime import datetime
from urllib.parse import quote, urlsplit

from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError

from bot.edge.clients import is_loopback_name
from bot.model.mailbox import Mailbox

# Everything that a server or the way to it may do wrong.
TROUBLE = (IMAPClientError, OSError, ValueError, LookupError)
_TAKEN = b"SamtalTaken"
_PORTS = {"imap": 143, "imaps": 993}
_PATIENCE = 20.0  # seconds for any answer
_LOOK = 1.0  # seconds between looks at whether to end


class ImapFolder:
    """The folder of a mailbox, open for reading and marking."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._ended = threading.Event()
        self._client: IMAPClient | None = None
        self._marks = False
        self._validity = 0

    def open(self) -> None:
        """Connect, log in, and select the folder."""
        url = urlsplit(self._mailbox.url)
        host, tls = url.hostname or "", ssl.create_default_context()
        from_start = url.scheme == "imaps"
        client = IMAPClient(
            host,
            port=url.port or _PORTS[url.scheme],
            ssl=from_start,
            ssl_context=tls if from_start else None,
            timeout=_PATIENCE,
        )
        self._client = client
        if not from_start and not is_loopback_name(host):
            client.starttls(tls)
        client.login(self._mailbox.username, self._mailbox.password.get_secret_value())
        told = client.select_folder(self._mailbox.folder)
        # A keyword of ours leaves people their own marks; not every server keeps such.
        self._marks = b"\\*" in told.get(b"PERMANENTFLAGS", ())
        self._validity = int(told.get(b"UIDVALIDITY", 0))

    def waiting(self, *, since: datetime) -> list[int]:
        """The mails that were not taken yet, oldest first."""
        unmarked = [b"UNKEYWORD", _TAKEN] if self._marks else [b"UNSEEN"]
        criteria = [*unmarked, b"UNDELETED", b"SINCE", since.date()]
        return sorted(int(uid) for uid in self._open().search(criteria))

    def raw(self, uid: int) -> bytes | None:
        """A mail as it came, up to the longest that is read; None when it is gone."""
        what = f"BODY.PEEK[]<0.{self._mailbox.max_bytes}>"
        found = self._open().fetch([uid], [what]).get(uid, {})
        return next((body for key, body in found.items() if key.startswith(b"BODY[")), None)

    def done(self, uid: int) -> None:
        """Mark a mail as taken, or move it to where taken ones lie."""
        client, folder = self._open(), self._mailbox.done_folder
        client.add_flags([uid], [_TAKEN if self._marks else b"\\Seen"], silent=True)
        if folder is not None:
            client.move([uid], folder)

    def rest(self) -> None:
        """Return when something may have come, or it is time to look; at once when ended."""
        deadline = time.monotonic() + self._mailbox.poll.total_seconds()
        client = self._open()
        if not client.has_capability("IDLE"):
            self._ended.wait(self._mailbox.poll.total_seconds())
            return
        client.idle()
        while not self._ended.is_set() and time.monotonic() < deadline:
            if client.idle_check(timeout=min(_LOOK, self._mailbox.poll.total_seconds())):
                break
        client.idle_done()

    def place(self, uid: int) -> str:
        """Where a mail lies (RFC 5092), for whoever looks for it."""
        folder = quote(self._mailbox.folder, safe="")
        return f"{self._mailbox.url}/{folder};UIDVALIDITY={self._validity}/;UID={uid}"

    def close(self) -> None:
        """Let go of the connection, whatever a thread is doing with it."""
        self._ended.set()
        if self._client is not None:
            with suppress(*TROUBLE):
                self._client.shutdown()

    def _open(self) -> IMAPClient:
        if self._client is None or self._ended.is_set():
            raise ConnectionError("the mailbox is closed")
        return self._client
