"""Facts from other systems: each taken once, put into quarantine, or refused with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import structlog
from pydantic import JsonValue
from pydantic_core import from_json

from bot.errors import NotFound
from bot.hub.agreeing import Agreeing, Hearing
from bot.hub.ingress import Ingress
from bot.hub.telling import Misfit, ToldFact, Wrong, read_told
from bot.model.channel import Address
from bot.model.event import LoginSeen
from bot.model.fact import Fact, FactPlace, HeldFact
from bot.model.ids import EventId, FactId, IdentityId
from bot.model.record import Arrival, IdentitySeed
from bot.model.value import Value
from bot.ports import Clock, Store

log = structlog.get_logger("samtal.facts")

_PATIENCE: Final = timedelta(seconds=10)
_AHEAD: Final = timedelta(days=1)  # how far another system's clock may be ahead


class FactStatus(StrEnum):
    """What became of a fact that was told.

    TAKEN: it is kept. KNOWN: it was kept before, the same. HELD: it is in quarantine, as we do not
    know its shape. REFUSED: it is wrong; nothing is kept of it. ECHO: a CRM tells what it holds as
    far as we know; nothing is kept of it.
    """

    TAKEN = "taken"
    KNOWN = "known"
    HELD = "held"
    REFUSED = "refused"
    ECHO = "echo"


class FactResult(Value):
    """What became of one fact; `kept` is its id here, or that of its place in quarantine."""

    status: FactStatus
    source: str | None = None
    id: str | None = None
    kept: FactId | None = None
    wrong: tuple[Wrong, ...] = ()


class HeldPage(Value):
    """Some of the quarantine; `next` is where the page ended, if there are more."""

    held: tuple[HeldFact, ...]
    next: FactPlace | None = None


class FactIntake:
    """Takes what other systems tell of customers; `agreeing` judges what the CRM tells."""

    def __init__(
        self, *, store: Store, ingress: Ingress, clock: Clock, agreeing: Agreeing | None = None
    ) -> None:
        self._store = store
        self._ingress = ingress
        self._clock = clock
        self._agreeing = agreeing

    async def take(
        self, told: Sequence[ToldFact | Misfit], *, asked_at: datetime | None = None
    ) -> list[FactResult]:
        """Take facts, in their order; one that is wrong keeps none of the others from being taken.

        A repeat is known. Whoever was not seen before is made. Durable when this returns.
        `asked_at`: they answer a question of ours, in our own words.
        """
        batch = _Batch(now=self._clock.now())
        if self._agreeing is not None and asked_at is None:
            told = [_in_our_words(self._agreeing, one) for one in told]
        await self._look_up(batch, told)
        if self._agreeing is not None:
            told = await self._heard(self._agreeing.hearing(asked_at=asked_at), batch, told)
        results = [batch.judge(one) for one in told]
        await self._store.hold_facts(batch.held)
        # In this order: a fact needs its identity.
        if batch.arrivals:
            await self._ingress.submit(batch.arrivals)
        fresh = set(await self._store.put_facts(batch.facts))
        late = [fact.id for fact in batch.facts if fact.id not in fresh]
        overtaken = {fact.id: fact for fact in await self._store.known_facts(late)} if late else {}
        results = [
            batch.judge_again(one, result, overtaken)
            for one, result in zip(told, results, strict=True)
        ]
        counts = {status.value: 0 for status in FactStatus}
        for result in results:
            counts[result.status] += 1
        log.info("facts told", **counts)
        return results

    async def quarantine(self, *, after: FactPlace | None = None, limit: int = 100) -> HeldPage:
        """A page of what is in quarantine, the oldest first."""
        found = await self._store.held_facts(after=after, limit=limit + 1)
        page = tuple(found[:limit])
        return HeldPage(held=page, next=FactPlace.of(page[-1]) if len(found) > limit else None)

    async def retry(self, held: FactId) -> FactResult:
        """Read one in quarantine again; it leaves when it is taken. Raises NotFound."""
        kept = await self._store.held_fact(held)
        if kept is None:
            raise NotFound(f"nothing in quarantine under {held}")
        raw: JsonValue = from_json(kept.raw)
        (result,) = await self.take([read_told(raw)])
        if result.status in {FactStatus.TAKEN, FactStatus.KNOWN}:
            await self._store.drop_held_fact(held)
        return result

    async def discard(self, held: FactId) -> None:
        """Let one in quarantine go; raises NotFound."""
        if not await self._store.drop_held_fact(held):
            raise NotFound(f"nothing in quarantine under {held}")

    async def _look_up(self, batch: _Batch, told: Sequence[ToldFact | Misfit]) -> None:
        facts = [one for one in told if isinstance(one, ToldFact)]
        known = await self._store.known_facts([one.fact_id for one in facts])
        batch.known = {fact.id: fact for fact in known}
        named = {_identity(one) for one in facts}
        batch.identities = set(await self._ingress.threads_of(named, patience=_PATIENCE))

    async def _heard(
        self, hearing: Hearing, batch: _Batch, told: Sequence[ToldFact | Misfit]
    ) -> list[ToldFact | Misfit]:
        """What is left of it once echoes are known as such."""
        left: list[ToldFact | Misfit] = []
        for one in told:
            is_new = isinstance(one, ToldFact) and one.fact_id not in batch.known
            if not isinstance(one, ToldFact) or not is_new or batch.is_ahead(one):
                left.append(one)
                continue
            heard = await hearing.hear(one, _identity(one))
            if heard is None:
                batch.echoes.add(one.fact_id)
            left.append(heard or one)
        return left


class _Batch:
    """What is told together: judged one by one, written together."""

    def __init__(self, *, now: datetime) -> None:
        self.known: dict[FactId, Fact] = {}
        self.identities: set[IdentityId] = set()
        self.facts: list[Fact] = []
        self.echoes: set[FactId] = set()
        self.held: list[HeldFact] = []
        self.arrivals: list[Arrival] = []
        self._now = now

    def judge(self, told: ToldFact | Misfit) -> FactResult:
        """What is to become of one; what is to be written is gathered."""
        if isinstance(told, Misfit):
            return self._misfit(told)
        if self.is_ahead(told):
            return _refused(told, Wrong(field="at", what="lies in the future", mend=_HAPPENED))
        if told.fact_id in self.echoes:
            return FactResult(status=FactStatus.ECHO, source=told.source, id=told.id)
        fact = told.about(_identity(told), received_at=self._now)
        if fact.id in self.known:
            return _repeated(told, fact, self.known[fact.id])
        if not self._has_somebody(told):
            nobody = Wrong(field="subject.identity", what="nobody of this id is known")
            return _refused(told, nobody)
        self.known[fact.id] = fact
        self.facts.append(fact)
        return FactResult(status=FactStatus.TAKEN, source=told.source, id=told.id, kept=fact.id)

    def is_ahead(self, told: ToldFact) -> bool:
        """Whether it says to happen later than any clock can be ahead."""
        return told.at > self._now + _AHEAD

    def judge_again(
        self, told: ToldFact | Misfit, result: FactResult, overtaken: dict[FactId, Fact]
    ) -> FactResult:
        """The same, when somebody else was told a fact of this id meanwhile."""
        if isinstance(told, Misfit) or result.kept is None or result.kept not in overtaken:
            return result
        fact = told.about(_identity(told), received_at=self._now)
        return _repeated(told, fact, overtaken[result.kept])

    def _misfit(self, told: Misfit) -> FactResult:
        if not told.can_be_held:
            return FactResult(
                status=FactStatus.REFUSED, source=told.source, id=told.id, wrong=told.wrong
            )
        held = told.held(at=self._now)
        self.held.append(held)
        return FactResult(
            status=FactStatus.HELD,
            source=told.source,
            id=told.id,
            kept=held.id,
            wrong=told.wrong,
        )

    def _has_somebody(self, told: ToldFact) -> bool:
        """Whether whom it is about is known, or can be made."""
        address, identity = told.subject.address, _identity(told)
        if identity in self.identities:
            return True
        if address is None:
            return False
        self.identities.add(identity)
        self.arrivals.append(first_sight(address, at=self._now))
        return True


_HAPPENED: Final = "Tell it when it has happened."


def _in_our_words(agreeing: Agreeing, told: ToldFact | Misfit) -> ToldFact | Misfit:
    return agreeing.in_our_words(told) if isinstance(told, ToldFact) else told


def first_sight(address: Address, *, at: datetime) -> Arrival:
    """What makes the identity of a log-in that nobody has met yet."""
    return Arrival(
        id=EventId.of("login_seen", address.identity),
        identity=address.identity,
        seed=IdentitySeed(address=address),
        at=at,
        body=LoginSeen(),
    )


def _identity(told: ToldFact) -> IdentityId:
    address, identity = told.subject.address, told.subject.identity
    if address is not None:
        return address.identity
    assert identity is not None  # noqa: S101 - a subject is one or the other
    return identity


def _repeated(told: ToldFact, fact: Fact, kept: Fact) -> FactResult:
    if fact == kept.model_copy(update={"received_at": fact.received_at}):
        return FactResult(status=FactStatus.KNOWN, source=told.source, id=told.id, kept=kept.id)
    return _refused(
        told,
        Wrong(
            field="id",
            what="another fact was told under this id before",
            mend="Send an id of its own.",
        ),
    )


def _refused(told: ToldFact, *wrong: Wrong) -> FactResult:
    return FactResult(status=FactStatus.REFUSED, source=told.source, id=told.id, wrong=wrong)
