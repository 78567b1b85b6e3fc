"""Visitors of the web chat at the business's own log-in: signing in and out (rules R7 to R9)."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

import structlog

from bot.hub import graph
from bot.hub.ingress import Ingress
from bot.model.channel import LOGIN, Address
from bot.model.event import LoginSeen, Rejected, SignedIn, Unlinks
from bot.model.fact import CodeShown, Fact, LoginProved, Retired
from bot.model.ids import EventId, FactId, IdentityId, LinkId
from bot.model.people import BySystem, ChannelIdentity, Proof
from bot.model.record import Arrival, IdentitySeed, Turn
from bot.model.value import AwareDatetime, Value
from bot.ports import Clock, Store

log = structlog.get_logger("samtal.signing_in")

_SOURCE = "webchat"
# Why a link ended that somebody's log-in was worth more than.
OUTRANKED = "outranked"


class SignedLogin(Value):
    """What a token proves: who, at which log-in, until when; `proof` names it and is no secret."""

    login: Address
    name: str | None
    proof: str
    until: AwareDatetime


class SignInEnd(StrEnum):
    """How a sign-in ended, where no rule refused it."""

    DONE = "done"
    ANOTHER = "another"  # this visitor is somebody else by log-in: it takes a fresh one (R8)
    USED = "used"  # the token was shown by another visitor before


class SigningIn:
    """Makes a visitor the customer of a log-in, and ends what a visitor's token opens."""

    def __init__(
        self,
        *,
        store: Store,
        ingress: Ingress,
        clock: Clock,
        patience: timedelta = timedelta(seconds=10),
    ) -> None:
        self._store = store
        self._ingress = ingress
        self._clock = clock
        self._patience = patience

    async def sign_in(
        self, visitor: Address, signed: SignedLogin, *, shown: CodeShown | None = None
    ) -> SignInEnd | Rejected:
        """Join the visitor with the log-in; done when the visitor's thread is that customer's.

        `shown`: where that is, for the customer's other channels to be told.
        """
        here, there = await self._turn(visitor), await self._turn(signed.login)
        outranked: tuple[LinkId, ...] = ()
        if _somebody_else(here, there, signed.login):
            outranked = await self._outranked(here, visitor.identity, signed.login)
            if not outranked:
                return SignInEnd.ANOTHER
        if there is None:
            await self._meet(signed)
        if not await self._is_first(visitor.identity, signed):
            return SignInEnd.USED
        if outranked:
            await self._part(visitor.identity, outranked)
        if here and there and await self._rests_on(here, visitor.identity, signed.login.identity):
            return SignInEnd.DONE
        arrival = Arrival(
            id=EventId.new(),
            identity=visitor.identity,
            seed=IdentitySeed(address=visitor),
            at=self._clock.now(),
            body=SignedIn(login=signed.login.identity, token=signed.proof, shown=shown),
        )
        outcome = await self._ingress.ask(arrival, patience=self._patience)
        return outcome if isinstance(outcome, Rejected) else SignInEnd.DONE

    async def retire(self, visitor: Address) -> None:
        """Whoever comes with this visitor's token from now on is refused; for good."""
        if await self._store.identity(visitor.identity) is None:
            return  # nothing was ever said or kept: there is nothing to see
        now = self._clock.now()
        retired = Fact(
            id=_retired(visitor),
            identity=visitor.identity,
            at=now,
            received_at=now,
            source=_SOURCE,
            body=Retired(),
        )
        await self._store.put_facts([retired])

    async def is_retired(self, visitor: Address) -> bool:
        """Whether this visitor's token is good no more."""
        return bool(await self._store.known_facts([_retired(visitor)]))

    async def _turn(self, address: Address) -> Turn | None:
        identity = await self._store.identity(address.identity)
        return None if identity is None else await self._store.turn(identity.thread)

    async def _meet(self, signed: SignedLogin) -> None:
        """The log-in is known from now on; by two at once, the first tells its name."""
        login = signed.login
        arrival = Arrival(
            id=EventId.of(LOGIN, login.account, login.user),
            identity=login.identity,
            seed=IdentitySeed(address=login, name=signed.name),
            at=self._clock.now(),
            body=LoginSeen(),
        )
        await self._ingress.submit([arrival])

    async def _is_first(self, visitor: IdentityId, signed: SignedLogin) -> bool:
        """Whether the token is this visitor's: it is whose it was shown by first."""
        now, login = self._clock.now(), signed.login.identity
        proved = Fact(
            id=FactId.of("login_proved", signed.proof),
            identity=login,
            at=now,
            received_at=now,
            source=_SOURCE,
            body=LoginProved(visitor=visitor, until=signed.until),
        )
        if await self._store.put_facts([proved]):
            return True
        known = await self._store.known_facts([proved.id])
        return any(
            isinstance(one.body, LoginProved)
            and (one.identity, one.body.visitor) == (login, visitor)
            for one in known
        )

    async def _outranked(
        self, here: Turn | None, visitor: IdentityId, login: Address
    ) -> tuple[LinkId, ...]:
        """The visitor's own links that have to end for this log-in, which is worth more (R13).

        None where the other log-in is the visitor's own, or has the visitor by no such link: then
        it is somebody else who sits there now (R8).
        """
        among = () if here is None else here.identities
        known = await self._store.links([one.id for one in among])
        holding = [made for made in known if made.holds]
        foreign = {
            one.id
            for one in among
            if (one.address.channel, one.address.account) == (LOGIN, login.account)
            and one.address.user != login.user
        }
        others = graph.parts([one.id for one in among if one.id != visitor], holding)
        behind = {one for part in others if part & foreign for one in part}
        leading = [
            made.link
            for made in holding
            if visitor in {made.link.one, made.link.other}
            and {made.link.one, made.link.other} & behind
        ]
        if any(link.proof is Proof.SIGNED for link in leading):
            return ()
        return tuple(link.id for link in leading)

    async def _part(self, visitor: IdentityId, links: tuple[LinkId, ...]) -> None:
        """End links for a log-in; both of their ends are told."""
        log.warning("a log-in ends links that a code made", identity=visitor, links=len(links))
        arrival = Arrival(
            id=EventId.new(),
            identity=visitor,
            at=self._clock.now(),
            body=Unlinks(by=BySystem(), links=links, reason=OUTRANKED),
        )
        await self._ingress.ask(arrival, patience=self._patience)

    async def _rests_on(self, turn: Turn, visitor: IdentityId, login: IdentityId) -> bool:
        """Whether a signed link between the two holds already."""
        if turn.identity(login) is None:
            return False
        links = await self._store.links([visitor, login])
        return any(made.holds and made.link.proof is Proof.SIGNED for made in links)


def _retired(visitor: Address) -> FactId:
    return FactId.of("retired", visitor.identity)


def _somebody_else(here: Turn | None, there: Turn | None, login: Address) -> bool:
    """Whether the two together would be two customers of one realm (R8, R13)."""
    users: dict[str, set[str]] = {login.account: {login.user}}
    for identity in (*_logins(here), *_logins(there)):
        users.setdefault(identity.address.account, set()).add(identity.address.user)
    return any(len(known) > 1 for known in users.values())


def _logins(turn: Turn | None) -> tuple[ChannelIdentity, ...]:
    identities = () if turn is None else turn.identities
    return tuple(one for one in identities if one.address.channel == LOGIN)
