"""Who sits at a customer's socket."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Self

from aiohttp import web

from bot.edge.clients import client_address, limit_key
from bot.edge.limits import Buckets
from bot.edge.parts import EdgeParts
from bot.edge.problems import Refusal, too_many
from bot.edge.settings import EdgeSettings
from bot.edge.sockets.incoming import ChatAuth
from bot.edge.sockets.shapes import Ack
from bot.edge.sockets.tokens import VisitorTokens
from bot.hub.traffic import browser, device, system
from bot.model.channel import Address
from bot.ports import Channel

NAMESPACE = "/chat"
# A country, or a region of one, by ISO 3166: `SE`, `SE-AC`.
_PLACE = re.compile(r"[A-Za-z]{2}(-[A-Za-z0-9]{1,3})?")


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a connection tells of where somebody is: the request that opened it has it all."""

    request: web.BaseRequest
    device: str | None
    browser: str | None
    system: str | None
    place: str | None

    @classmethod
    def of(cls, request: web.BaseRequest, settings: EdgeSettings) -> Self:
        """The surroundings of a socket."""
        header = settings.place_header
        place = "" if header is None else request.headers.get(header, "")
        agent = request.headers.get("User-Agent", "")
        return cls(
            request=request,
            device=device(agent),
            browser=browser(agent),
            system=system(agent),
            place=place.upper() if _PLACE.fullmatch(place) else None,
        )


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """Somebody at a socket: which person, on which account, from where.

    `client` is what the address is counted under; `profile` is what every event says about them;
    `surroundings` is what the connection tells.
    """

    sid: str
    address: Address
    channel: Channel
    client: str
    token: str
    last_seq: int
    profile: Ack
    surroundings: Surroundings


def room_of(user: str) -> str:
    """The room of all sockets of one visitor; the web chat adapter sends there."""
    return f"visitor:{user}"


class VisitorLimits:
    """How often one visitor, and one client address, may do something."""

    def __init__(self, parts: EdgeParts) -> None:
        self._by_visitor = Buckets(parts.settings.visitor_rate, clock=parts.clock)
        self._by_client = Buckets(parts.settings.socket_rate, clock=parts.clock)
        parts.retuning.subscribe(self._retune)

    def count(self, visitor: Visitor) -> None:
        """Count one act of the visitor; raises Refusal when there were too many."""
        waits = self._by_visitor.take(visitor.address.user), self._by_client.take(visitor.client)
        if any(waits):
            raise too_many(max(waits), what="too many events")

    def _retune(self, settings: EdgeSettings) -> None:
        self._by_visitor.retune(settings.visitor_rate)
        self._by_client.retune(settings.socket_rate)


class Reception:
    """Knows visitors by their tokens, and makes new ones."""

    def __init__(self, parts: EdgeParts) -> None:
        self._settings = parts.settings
        self._channels = parts.channels
        self._webchat = parts.webchat
        self._signing_in = parts.signing_in
        self._tokens = VisitorTokens(parts.secret)

    async def visitor(self, given: ChatAuth, *, sid: str, request: web.BaseRequest) -> Visitor:
        """The visitor behind a connection; raises Refusal for a token that is not ours.

        Or not any more: after a sign-out it is good for nothing.
        """
        client = client_address(request, trusted=self._settings.trusted_proxies)
        account, channel = self._account(given.account)
        user = self._user(given.token, account)
        visitor = Visitor(
            sid=sid,
            address=Address(channel=channel.name, account=account, user=user),
            channel=channel,
            client=limit_key(client),
            token=self._tokens.sign(user, account=account),
            last_seq=given.last_seq if given.token else 0,
            profile={"language": given.language} if given.language else {},
            surroundings=Surroundings.of(request, self._settings),
        )
        if given.token is not None and await self._signing_in.is_retired(visitor.address):
            raise _not_ours()
        return visitor

    def fresh(self, visitor: Visitor) -> Visitor:
        """Somebody new in the place of a visitor."""
        account, user = visitor.address.account, self._tokens.new_visitor()
        return replace(
            visitor,
            address=visitor.address.model_copy(update={"user": user}),
            token=self._tokens.sign(user, account=account),
            last_seq=0,
        )

    def _user(self, token: str | None, account: str) -> str:
        if token is None:
            return self._tokens.new_visitor()
        known = self._tokens.visitor(token, account=account)
        if known is None:
            raise _not_ours()
        return known

    def _account(self, wanted: str | None) -> tuple[str, Channel]:
        accounts = {
            account: channel
            for (name, account), channel in self._channels.items()
            if name == self._webchat
        }
        if wanted is None and len(accounts) == 1:
            return next(iter(accounts.items()))
        if wanted is None or wanted not in accounts:
            known = ", ".join(sorted(accounts)) or "none is configured"
            raise Refusal(404, f"There is no such web chat account; there is: {known}")
        return wanted, accounts[wanted]


def _not_ours() -> Refusal:
    return Refusal(401, "This visitor token is not ours.", slug="visitor-token")
