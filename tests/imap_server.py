"""A small IMAP4rev1 server on the loopback (RFC 3501, IDLE of RFC 2177, MOVE of RFC 6851).

It keeps one folder of mails with flags in memory, and does what our reader asks of a server:
log-in, SELECT, UID SEARCH, UID FETCH, UID STORE, UID MOVE, IDLE. All else it answers with BAD.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

PASSWORD = "mailbox-password"
_LITERAL = re.compile(rb"\{(\d+)\}\r\n$")
_WORD = re.compile(rb'"((?:[^"\\]|\\.)*)"|(\S+)')
_PART = re.compile(rb"BODY\.PEEK\[\]<(\d+)\.(\d+)>", re.IGNORECASE)


@dataclass
class Stored:
    """A mail in the folder."""

    uid: int
    raw: bytes
    flags: set[bytes] = field(default_factory=set)


class ImapServer:
    """One folder, and what was done to it; tests change how it behaves."""

    def __init__(self) -> None:
        self.mails: list[Stored] = []
        self.moved: dict[bytes, list[Stored]] = {}
        self.validity = 7
        self.keywords = True
        self.idle = True
        # Dropped as soon as one of these commands comes.
        self.drop_at: set[bytes] = set()
        self.log_ins = 0
        self.url = ""
        self._next = 1
        self._changed = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()

    def put(self, raw: bytes | str) -> Stored:
        """A mail arrives."""
        body = raw if isinstance(raw, bytes) else raw.encode()
        stored = Stored(self._next, body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
        self._next += 1
        self.mails.append(stored)
        self._changed.set()
        return stored

    def renumber(self) -> None:
        """The server forgets its numbers and flags, as after a restore."""
        self.validity += 1
        self._next += 100
        for mail in self.mails:
            mail.uid, mail.flags = self._next, set()
            self._next += 1
        self.hang_up()

    def hang_up(self) -> None:
        """All connections are lost."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            writer.write(b"* OK ready\r\n")
            while words := await self._words(reader, writer):
                tag, command = words[0], words[1].upper()
                if command == b"UID":
                    words, command = words[1:], b"UID " + words[2].upper()
                if command in self.drop_at:
                    self.drop_at.discard(command)
                    writer.transport.abort()
                    return
                await self._answer(tag, command, words[2:], reader, writer)
                if command == b"LOGOUT":
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _words(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> list[bytes]:
        line = await reader.readline()
        while found := _LITERAL.search(line):
            writer.write(b"+ go on\r\n")
            literal = await reader.readexactly(int(found[1]))
            line = line[: found.start()] + b'"' + literal + b'"' + await reader.readline()
        return [quoted or plain for quoted, plain in _WORD.findall(line.strip())]

    async def _answer(  # noqa: C901 - one case a command
        self,
        tag: bytes,
        command: bytes,
        words: list[bytes],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        lines: list[bytes] = []
        ended = b"OK done"
        match command:
            case b"CAPABILITY":
                lines = [b"* CAPABILITY IMAP4rev1 MOVE" + (b" IDLE" if self.idle else b"")]
            case b"LOGIN":
                good = words[1] == PASSWORD.encode()
                self.log_ins += good
                ended = b"OK in" if good else b"NO [AUTHENTICATIONFAILED] no"
            case b"SELECT":
                lines = self._selected()
            case b"UID SEARCH":
                lines = [b"* SEARCH" + b"".join(b" %d" % uid for uid in self._found(words))]
            case b"UID FETCH":
                lines = self._fetched(int(words[0]), b" ".join(words[1:]))
            case b"UID STORE":
                self._mail(int(words[0])).flags |= set(re.findall(rb"[\\A-Za-z]+", words[2]))
            case b"UID MOVE":
                self._move(int(words[0]), words[1])
            case b"IDLE":
                await self._idle(reader, writer)
            case b"LOGOUT":
                lines = [b"* BYE"]
            case b"NOOP":
                pass
            case _:
                ended = b"BAD not known here"
        writer.write(b"".join(line + b"\r\n" for line in lines) + tag + b" " + ended + b"\r\n")
        await writer.drain()

    def _selected(self) -> list[bytes]:
        kept = rb"\Seen \Deleted" + (rb" \*" if self.keywords else b"")
        return [
            b"* %d EXISTS" % len(self.mails),
            b"* OK [UIDVALIDITY %d] valid" % self.validity,
            b"* OK [PERMANENTFLAGS (%s)] kept" % kept,
        ]

    def _found(self, words: list[bytes]) -> list[int]:
        wanted = b" ".join(words).upper()
        left_out = {rb"\DELETED"}
        left_out |= {rb"\SEEN"} if b"UNSEEN" in wanted else set()
        left_out |= {b"SAMTALTAKEN"} if b"UNKEYWORD SAMTALTAKEN" in wanted else set()
        return [
            mail.uid for mail in self.mails if not left_out & {flag.upper() for flag in mail.flags}
        ]

    def _fetched(self, uid: int, what: bytes) -> list[bytes]:
        asked = _PART.search(what)
        found = [mail for mail in self.mails if mail.uid == uid]
        if not asked or not found:
            return []
        start, count = int(asked[1]), int(asked[2])
        body = found[0].raw[start : start + count]
        place = self.mails.index(found[0]) + 1
        head = b"* %d FETCH (UID %d BODY[]<%d> {%d}\r\n" % (place, uid, start, len(body))
        return [head + body + b")"]

    def _move(self, uid: int, folder: bytes) -> None:
        mail = self._mail(uid)
        self.mails.remove(mail)
        self.moved.setdefault(folder, []).append(mail)

    def _mail(self, uid: int) -> Stored:
        return next(mail for mail in self.mails if mail.uid == uid)

    async def _idle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"+ idling\r\n")
        done = asyncio.ensure_future(reader.readline())
        while not done.done():
            self._changed.clear()
            changed = asyncio.ensure_future(self._changed.wait())
            await asyncio.wait({done, changed}, return_when=asyncio.FIRST_COMPLETED)
            changed.cancel()
            if not done.done():
                writer.write(b"* %d EXISTS\r\n" % len(self.mails))


@asynccontextmanager
async def imap_server() -> AsyncIterator[ImapServer]:
    """The server for as long as the block lasts."""
    server = ImapServer()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"imap://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listening.close()
        server.hang_up()
        await asyncio.sleep(0)
