"""`ANY /webhooks/{channel}/{account}`: what providers send, as they sent it."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qsl, urlsplit

import structlog
from aiohttp import web

from bot.edge.clients import client_address, limit_key
from bot.edge.limits import Buckets
from bot.edge.parts import EdgeParts
from bot.edge.problems import Refusal, too_many
from bot.edge.settings import EdgeSettings
from bot.errors import Overloaded, SpoolFull, StoreError
from bot.model.channel import Answer, Request
from bot.model.value import AwareDatetime
from bot.ports import Channel

log = structlog.get_logger("samtal.webhooks")

_FORGED = {401, 403}
_TAKEN = 300
_OURS = {"SOCKET", "MAILBOX"}


class Webhooks:
    """Hands providers' requests to the hub and its answers back."""

    def __init__(self, parts: EdgeParts) -> None:
        self._parts = parts
        self._by_address = Buckets(parts.settings.address_rate, clock=parts.clock)
        self._by_account = Buckets(parts.settings.account_rate, clock=parts.clock)
        parts.retuning.subscribe(self._retune)

    def add_to(self, app: web.Application) -> None:
        """Offer the routes."""
        app.router.add_route("*", "/webhooks/{channel}/{account}", self.take)
        app.router.add_route("*", "/webhooks/{channel}/{account}/status", self.take)

    async def take(self, http: web.Request) -> web.Response:
        """Take one request; 2xx says that it is durable."""
        address = client_address(http, trusted=self._parts.settings.trusted_proxies)
        self._refuse_after(self._by_address.take(limit_key(address)))
        channel = self._channel(http)
        wait = self._by_account.take(f"{channel.name}/{channel.account}")
        if wait:
            self._note(channel, "limited")
        self._refuse_after(wait)
        request = await self._read(http)
        try:
            answer = await self._parts.ingress.take(channel, request)
        except (Overloaded, SpoolFull) as error:
            self._note(channel, "full")
            log.info("put off", channel=channel.name, account=channel.account, reason=str(error))
            later = {"Retry-After": "10"}
            raise Refusal(503, "Too much waits; send it again later.", headers=later) from None
        except StoreError:
            self._note(channel, "failed")
            log.exception("not recorded", channel=channel.name, account=channel.account)
            later = {"Retry-After": "5"}
            raise Refusal(503, "It could not be recorded; send it again.", headers=later) from None
        self._note(channel, _result(answer))
        return web.Response(
            status=answer.status,
            body=answer.body,
            headers={"Content-Type": answer.content_type},
        )

    def _retune(self, settings: EdgeSettings) -> None:
        self._by_address.retune(settings.address_rate)
        self._by_account.retune(settings.account_rate)

    def _channel(self, http: web.Request) -> Channel:
        name, account = http.match_info["channel"], http.match_info["account"]
        channel = self._parts.channels.get((name, account))
        if channel is None:
            raise Refusal(404, "No such channel account is configured.", slug="unknown-account")
        return channel

    def _refuse_after(self, wait: float) -> None:
        if wait:
            raise too_many(wait, what="too many webhook requests")

    def _note(self, channel: Channel, result: str) -> None:
        self._parts.metrics.webhook(channel.name, channel.account, result=result)

    async def _read(self, http: web.Request) -> Request:
        try:
            async with asyncio.timeout(self._parts.settings.body_timeout.total_seconds()):
                body = await http.read()
        except TimeoutError:
            raise Refusal(408, "The body took too long to arrive.") from None
        return to_request(http, body, settings=self._parts.settings, at=self._parts.clock.now())


def to_request(
    http: web.Request, body: bytes, *, settings: EdgeSettings, at: AwareDatetime
) -> Request:
    """The request as channels see it; header bytes become Latin-1, so that none can fail.

    Raises Refusal for a request line that is no text, or claims to be a socket's or a mailbox's.
    """
    if http.method in _OURS:  # a socket or a mailbox proves itself; HTTP has none such
        raise Refusal(405, "There is no such HTTP method.")
    target = raw_target(http)
    path, _, query = target.partition("?")
    return Request(
        method=http.method,
        url=settings.public_base_url + target,
        path=path,
        query=tuple(parse_qsl(query, keep_blank_values=True, errors="replace")),
        headers=tuple(
            (name.decode("latin-1").lower(), value.decode("latin-1"))
            for name, value in http.raw_headers
        ),
        body=body,
        received_at=at,
    )


def raw_target(http: web.Request) -> str:
    """Path and query exactly as the client sent them: signatures cover them so."""
    target = http.raw_path
    try:
        target.encode()
    except UnicodeEncodeError:
        raise Refusal(400, "The URL has bytes that are no UTF-8; encode them with %.") from None
    if not target.startswith("/"):  # the absolute form, which proxies are sent (RFC 9112, 3.2.2)
        parts = urlsplit(target)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
    return target


def _result(answer: Answer) -> str:
    if answer.status in _FORGED:
        return "forged"
    return "accepted" if answer.status < _TAKEN else "refused"
