"""What visitors do about who they are: signing in and out, and their own linked channels."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from bot.edge.parts import EdgeParts
from bot.edge.problems import Mistake, Refusal, too_many
from bot.edge.signing import Signing
from bot.edge.sockets.acts import Act, Acts
from bot.edge.sockets.handles import Handles
from bot.edge.sockets.incoming import Claim, LoggedIn, OneChannel, Wish, read
from bot.edge.sockets.present import Present
from bot.edge.sockets.shapes import Ack, document, linked_channel
from bot.edge.sockets.visitors import Reception, Visitor
from bot.errors import NotFound
from bot.hub.numbers import can_exist, phone_number
from bot.hub.signing_in import SignedLogin, SignInEnd
from bot.model.channel import Address
from bot.model.event import Rejected
from bot.model.value import AwareDatetime

_HOUR = timedelta(hours=1)

Retire = Callable[[Visitor], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class SignedIn:
    """Who is signed in now, and until when; `rotated`: as a fresh visitor, not the one before."""

    visitor: Visitor
    until: AwareDatetime
    rotated: bool = False


class IdentityActs:
    """The events of `/chat` that are about identity, by name."""

    def __init__(
        self, parts: EdgeParts, *, acts: Acts, present: Present, reception: Reception, close: Retire
    ) -> None:
        self._parts = parts
        self._acts = acts
        self._present = present
        self._reception = reception
        self._close = close
        self._signing = Signing(parts.realms, clock=parts.clock)
        self._handles = Handles(parts.secret)

    def named(self) -> dict[str, Act]:
        """The acts by the names of their events."""
        return {
            "sign_in": self.sign_in,
            "sign_out": self.sign_out,
            "linked": self.linked,
            "unlink": self.unlink,
            "prove": self.prove,
        }

    # --- signing in and out ------------------------------------------------------------------

    async def sign_in(self, visitor: Visitor, arguments: tuple[object, ...]) -> Ack:
        """The business says who the visitor is; one who was somebody else gets a fresh token."""
        token = read(LoggedIn, arguments).token
        signed = self._signing.read(token, account=visitor.address.account)
        if not await self._signed_in(visitor, signed):
            return {"rotated": True, "token": self._reception.fresh(visitor).token}
        self._present.sign(visitor.sid, until=signed.until)
        return {"rotated": False, "until": signed.until.isoformat()}

    async def arrive(self, visitor: Visitor, token: str) -> SignedIn:
        """The same for one who comes with a token, and is not shown anything yet."""
        signed = self._signing.read(token, account=visitor.address.account)
        if await self._signed_in(visitor, signed):
            return SignedIn(visitor=visitor, until=signed.until)
        fresh = self._reception.fresh(visitor)
        if not await self._signed_in(fresh, signed):
            raise Refusal(409, "This log-in is somebody else's too; ask for help.")
        return SignedIn(visitor=fresh, until=signed.until, rotated=True)

    async def sign_out(self, visitor: Visitor, arguments: tuple[object, ...]) -> Ack:
        """Whoever sits here next is somebody else; the token so far opens nothing any more."""
        read(Wish, arguments)
        await self._parts.signing_in.retire(visitor.address)
        await self._close(visitor)
        return {"token": self._reception.fresh(visitor).token}

    async def _signed_in(self, visitor: Visitor, signed: SignedLogin) -> bool:
        """Whether they are that customer now; False when they are another by log-in (R8)."""
        ended = await self._parts.signing_in.sign_in(
            visitor.address, signed, shown=await self._acts.whereabouts(visitor)
        )
        if isinstance(ended, Rejected):
            raise Refusal(409, ended.reason)
        if ended is SignInEnd.USED:
            why = "This log-in is not taken. Another visitor has used it: ask for a fresh one."
            raise Refusal(401, why, slug="identity-token")
        return ended is SignInEnd.DONE

    # --- linked channels ---------------------------------------------------------------------

    async def linked(self, visitor: Visitor, arguments: tuple[object, ...]) -> Ack:
        """The visitor's own channels."""
        read(Wish, arguments)
        own = visitor.address.identity
        channels = await self._parts.own_channels.all(visitor.address)
        former = await self._parts.own_channels.former(visitor.address)
        return {
            "channels": [
                linked_channel(one, handle=self._handles.of(one.identity, visitor=own))
                for one in channels
            ],
            "former": [document(one) for one in former],
        }

    async def unlink(self, visitor: Visitor, arguments: tuple[object, ...]) -> Ack:
        """One of the visitor's own channels is theirs no more."""
        wanted, own = read(OneChannel, arguments).identity, visitor.address.identity
        for one in await self._parts.own_channels.all(visitor.address):
            if self._handles.of(one.identity, visitor=own) == wanted:
                outcome = await self._parts.own_channels.unlink(visitor.address, one.identity)
                if isinstance(outcome, Rejected):
                    raise Refusal(409, outcome.reason)
                return {}
        raise NotFound("no such linked channel")

    async def prove(self, visitor: Visitor, arguments: tuple[object, ...]) -> Ack:
        """A code to the number that the visitor says is theirs; the same whoever has it."""
        claim = read(Claim, arguments)
        own = self._parts.own_channels
        if (claim.channel, claim.account) not in own.provable():
            raise NotFound(f"no channel {claim.channel}/{claim.account} to send a code on")
        number = phone_number(claim.address, region=self._parts.hub.settings.phone_region)
        if number is None or not can_exist(number):
            wrong = Mistake(
                where="event.address", what="no phone number", mend="Write it like 070-123 45 67."
            )
            raise Refusal(422, "Some fields are wrong.", errors=(wrong,))
        await self._count(visitor, number)
        await self._acts.begin(visitor)
        await own.prove(
            visitor.address,
            to=Address(channel=claim.channel, account=claim.account, user=number),
            shown=await self._acts.whereabouts(visitor),
        )
        lasts = self._parts.clock.now() + self._parts.linking.lifetime
        return {"expires_at": lasts.isoformat()}

    async def _count(self, visitor: Visitor, number: str) -> None:
        settings, now = self._parts.settings, self._parts.clock.now()
        limits = (
            (f"prove:{visitor.address.identity}", settings.proofs_an_hour),
            (f"prove:client:{visitor.client}", settings.client_proofs_an_hour),
            (f"prove:number:{number}", settings.number_proofs_an_hour),
        )
        for key, most in limits:
            if await self._parts.store.count_attempt(key, now=now, window=_HOUR) > most:
                raise too_many(_HOUR.total_seconds(), what="too many codes were asked for")
        count = partial(self._parts.store.count_attempt, now=now, window=_HOUR)
        if not await self._parts.hub.code_budget.allows(number, count=count):
            self._parts.metrics.code_refused()
            raise Refusal(
                429,
                "No more codes are sent by SMS just now. Try again later, or write from the phone.",
                slug="codes-spent",
            )
