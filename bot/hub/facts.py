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
    know its shape. REFUSED: it is wrong; nothing is kept of it.
    """

    TAKEN = "taken"
    KNOWN = "known"
    HELD = "held"
    REFUSED = "refused"


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
    """Takes what other systems tell of customers."""

    def __init__(self, *, store: Store, ingress: Ingress, clock: Clock) -> None:
        self._store = store
        self._ingress = ingress
        self._clock = clock

    async def take(self, told: Sequence[ToldFact | Misfit]) -> list[FactResult]:
        """Take facts, in their order; one that is wrong keeps none of the others from being taken.

        A repeat is known. Whoever was not seen before is made. Durable when this returns.
        """
        batch = _Batch(now=self._clock.now())
        await self._look_up(batch, told)
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


class _Batch:
    """What is told together: judged one by one, written together."""

    def __init__(self, *, now: datetime) -> None:
        self.known: dict[FactId, Fact] = {}
        self.identities: set[IdentityId] = set()
        self.facts: list[Fact] = []
        self.held: list[HeldFact] = []
        self.arrivals: list[Arrival] = []
        self._now = now

    def judge(self, told: ToldFact | Misfit) -> FactResult:
        """What is to become of one; what is to be written is gathered."""
        if isinstance(told, Misfit):
            return self._misfit(told)
        if told.at > self._now + _AHEAD:
            return _refused(told, Wrong(field="at", what="lies in the future", mend=_HAPPENED))
        fact = told.about(_identity(told), received_at=self._now)
        if fact.id in self.known:
            return _repeated(told, fact, self.known[fact.id])
        if not self._has_somebody(told):
            nobody = Wrong(field="subject.identity", what="nobody of this id is known")
            return _refused(told, nobody)
        self.known[fact.id] = fact
        self.facts.append(fact)
        return FactResult(status=FactStatus.TAKEN, source=told.source, id=told.id, kept=fact.id)

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
