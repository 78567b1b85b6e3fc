"""Mailboxes that channels want read: each mail becomes a `Request`, as a webhook would.

A mail is marked on its server only when it is durable here. What dies in between is fetched again
and changes nothing: the channel gives a repeat the same key, over restarts, a new UIDVALIDITY, and
when several processes read the same mailbox.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Protocol, runtime_checkable

import structlog
from aiohttp import web

from bot.edge.imap import TROUBLE, ImapFolder
from bot.edge.parts import EdgeParts
from bot.errors import SpoolFull, StoreError
from bot.model.channel import Request
from bot.model.mailbox import Mailbox
from bot.model.record import Acceptance, RawRequest
from bot.ports import Channel

log = structlog.get_logger("samtal.mailboxes")

Key = tuple[str, str]

_LOOK = 2.0  # seconds between looks at which mailboxes there are
_FIRST_WAIT = 1.0  # seconds, doubling
_LONGEST_WAIT = 300.0
_FULL = (StoreError, SpoolFull)


@runtime_checkable
class HasMailbox(Protocol):
    """A channel that wants a mailbox read, if its account has one."""

    @property
    def mailbox(self) -> Mailbox | None:
        """Which, and how."""


class Mailboxes:
    """Reads the mailboxes of all accounts that have one, also of those that a reload brings."""

    def __init__(self, parts: EdgeParts) -> None:
        self._parts = parts
        self._at_work: dict[Key, tuple[Mailbox, asyncio.Task[None]]] = {}

    async def running(self, _: web.Application) -> AsyncIterator[None]:
        """Read for as long as the server runs."""
        task = asyncio.create_task(self._run(), name="samtal-mailboxes")
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            while True:
                await self._take_over(wanted(self._parts.channels))
                await asyncio.sleep(_LOOK)
        finally:
            await self._take_over({})

    async def _take_over(self, mailboxes: Mapping[Key, Mailbox]) -> None:
        for key, (mailbox, task) in list(self._at_work.items()):
            if mailboxes.get(key) != mailbox:
                del self._at_work[key]
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        for key, mailbox in mailboxes.items():
            if key not in self._at_work:
                task = asyncio.create_task(self._read(key, mailbox), name=f"mailbox-{key[1]}")
                self._at_work[key] = (mailbox, task)

    async def _read(self, key: Key, mailbox: Mailbox) -> None:
        """Read one mailbox until cancelled; a lost connection is made anew, ever more slowly."""
        wait = _FIRST_WAIT
        while True:
            folder = ImapFolder(mailbox)
            try:
                await asyncio.to_thread(folder.open)
                while True:
                    await self._take_all(key, mailbox, folder)
                    wait = _FIRST_WAIT
                    await asyncio.to_thread(folder.rest)
            except (*TROUBLE, *_FULL) as error:
                self._warn(key, mailbox, error, wait=wait)
            except Exception:
                # The outermost guard of one mailbox: a fault must not end it, or the others.
                log.exception("mailbox failed", channel=key[0], account=key[1])
            finally:
                folder.close()
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT)

    async def _take_all(self, key: Key, mailbox: Mailbox, folder: ImapFolder) -> None:
        since = self._parts.clock.now() - mailbox.newest
        for uid in await asyncio.to_thread(folder.waiting, since=since):
            raw = await asyncio.to_thread(folder.raw, uid)
            channel = self._parts.channels.get(key)
            if channel is None:
                return
            if raw is not None:
                await self._take(channel, self._request(raw, folder.place(uid)))
                await asyncio.to_thread(folder.done, uid)

    async def _take(self, channel: Channel, request: Request) -> None:
        """Make one mail durable: as what it says, or as a dead letter."""
        try:
            await self._parts.ingress.take(channel, request)
        except _FULL:
            raise
        except Exception as error:
            # A mail that we fall over must not hold up those behind it.
            log.exception("mail not read", channel=channel.name, account=channel.account)
            raw = RawRequest(
                channel=channel.name,
                account=channel.account,
                method=request.method,
                url=request.url,
                headers=request.headers,
                body=request.body,
                at=request.received_at,
            )
            reason = f"our own fault: {type(error).__name__}"
            await self._parts.ingress.accept(Acceptance(request=raw, unreadable=reason))

    def _request(self, raw: bytes, place: str) -> Request:
        return Request(
            method="MAILBOX",
            url=place,
            path="/mailbox",
            headers=(("content-type", "message/rfc822"),),
            body=raw,
            received_at=self._parts.clock.now(),
        )

    def _warn(self, key: Key, mailbox: Mailbox, error: BaseException, *, wait: float) -> None:
        told = f"{type(error).__name__}: {error}"[:300]
        told = told.replace(mailbox.password.get_secret_value() or "\0", "***")
        log.warning("mailbox is away", channel=key[0], account=key[1], reason=told, again_in_s=wait)


def wanted(channels: Mapping[Key, Channel]) -> dict[Key, Mailbox]:
    """The mailboxes that these channels want read."""
    return {
        key: channel.mailbox
        for key, channel in channels.items()
        if isinstance(channel, HasMailbox) and channel.mailbox is not None
    }
