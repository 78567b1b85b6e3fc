"""What the CRM tells of fields that both sides keep: echoes dropped, conflicts by the field's rule.

What is shown follows from facts: an agent's correction stands until one says that it was overruled.
What they hold, as far as is known here, is the latest that they told, or took from us.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import structlog

from bot.errors import NotFound
from bot.hub.fields import AGENT, field_in
from bot.hub.knowing import Knowing, overruled_in, same
from bot.hub.telling import ToldFact
from bot.model.channel import LOGIN
from bot.model.crm import MappedField, Push, PushEnd, PushRow, PushStatus, Rule, Terms
from bot.model.fact import Fact, FieldKey, Overruled, TierChanged
from bot.model.ids import FactId, IdentityId
from bot.model.people import ChannelIdentity
from bot.ports import Clock, Store

log = structlog.get_logger("samtal.crm")

# So often one correction is pushed anew because they had changed it; what changes it back each time
# is a machine, and two machines would never end.
AGAIN: Final = 3
KEEPS_CHANGING: Final = "they change it back each time"
_MOMENT: Final = timedelta(microseconds=1)
_OPEN: Final = frozenset({PushStatus.WAITING, PushStatus.FAILED})


class _Holds(NamedTuple):
    """What they hold as far as is known: since when, and when that was heard."""

    value: str
    at: datetime
    heard: datetime
    name: str


class _Word(NamedTuple):
    """One thing that they tell of a field that both sides keep."""

    told: ToldFact
    field: MappedField
    value: str
    about: ChannelIdentity


class Hearing:
    """What was told together; each word is judged by what came before it."""

    def __init__(self, agreeing: Agreeing, *, asked_at: datetime | None) -> None:
        self.asked_at = asked_at
        self._agreeing = agreeing
        self._held: dict[tuple[IdentityId, FieldKey], _Holds] = {}

    async def hear(self, told: ToldFact, about: IdentityId) -> ToldFact | None:
        """The fact to keep, in our words; None for one that tells nothing new."""
        return await self._agreeing.hear(self, told, about)

    def put(self, word: _Word, *, now: datetime) -> None:
        """Remember what they hold by this word."""
        holds = _Holds(word.value, word.told.at, now, word.told.id)
        self._held[word.about.id, word.field.key] = holds

    def latest(self, word: _Word, kept: _Holds | None) -> _Holds | None:
        """What they hold: by what is kept, or what was told just before."""
        new = self._held.get((word.about.id, word.field.key))
        known = [one for one in (kept, new) if one is not None]
        return max(known, key=lambda one: one.at, default=None)


class Agreeing:
    """Judges what the CRM tells, and what it takes."""

    def __init__(self, *, store: Store, clock: Clock, knowing: Knowing, terms: Terms) -> None:
        self._store = store
        self._clock = clock
        self._knowing = knowing
        self.terms = terms

    def hearing(self, *, asked_at: datetime | None = None) -> Hearing:
        """Begin to hear what is told together; `asked_at`: in answer to a question of ours."""
        return Hearing(self, asked_at=asked_at)

    def in_our_words(self, told: ToldFact) -> ToldFact:
        """A fact of theirs with its value as it is called here."""
        field, value = self._field(told) or (None, "")
        if field is None:
            return told
        body = told.data
        update = {"tier" if isinstance(body, TierChanged) else "value": field.as_ours(value)}
        return told.model_copy(update={"data": body.model_copy(update=update)})

    async def hear(self, hearing: Hearing, told: ToldFact, about: IdentityId) -> ToldFact | None:
        """See `Hearing.hear`."""
        found = self._field(told)
        identity = None if found is None else await self._store.identity(about)
        if found is None or identity is None:
            return told
        word = _Word(told, *found, identity)
        members = (await self._store.turn(identity.thread)).identities
        facts = await self._knowing.of_fields([one.id for one in members])
        holds = hearing.latest(word, self._holds(word, facts))
        word = _dated(word, holds, asked_at=hearing.asked_at)
        if not await self._is_news(word, holds, facts, asked_at=hearing.asked_at):
            return None
        hearing.put(word, now=self._clock.now())
        return word.told

    async def taken(self, push: Push, *, at: datetime) -> None:
        """They hold the value since then: kept as their word."""
        known = await self._store.known_facts([push.change])
        if not known:
            return  # forgotten meanwhile, and the push with it
        theirs = known[0].model_copy(
            update={
                "id": FactId.of("taken", push.key),
                "identity": push.identity,
                "at": at,
                "received_at": self._clock.now(),
                "source": self.terms.source,
            }
        )
        try:
            await self._store.put_facts([theirs])
        except NotFound:
            log.info("taken of somebody who was erased", field=push.field)
        await self._store.end_push(PushEnd(push=push, status=PushStatus.TAKEN, due=at))

    # --- what is known ---

    def _field(self, told: ToldFact) -> tuple[MappedField, str] | None:
        """The field that both sides keep which their fact is of, and its value."""
        if told.source != self.terms.source:
            return None
        found = field_in(told.data, programme=self._knowing.programme)
        field = None if found is None else self.terms.field(found[0])
        return None if found is None or field is None else (field, found[1])

    def _holds(self, word: _Word, facts: Iterable[Fact]) -> _Holds | None:
        for fact in facts:  # the newest first
            if (fact.source, fact.identity) == (self.terms.source, word.about.id):
                found = field_in(fact.body, programme=self._knowing.programme)
                if found is not None and found[0] == word.field.key:
                    return _Holds(found[1], fact.at, fact.received_at, fact.id)
        return None

    def _corrections(self, key: FieldKey, facts: Iterable[Fact]) -> list[Fact]:
        """What agents say of a field and what stands, the newest first."""
        lost = overruled_in(facts)
        found = [
            fact
            for fact in facts
            if fact.source == AGENT
            and (of := field_in(fact.body, programme=self._knowing.programme)) is not None
            and of[0] == key
        ]
        # Of what was said of one identity only the latest is shown.
        latest = {fact.identity: fact for fact in reversed(found)}
        return [fact for fact in found if latest[fact.identity] is fact and fact.id not in lost]

    # --- what it comes to ---

    async def _is_news(
        self,
        word: _Word,
        holds: _Holds | None,
        facts: Sequence[Fact],
        *,
        asked_at: datetime | None,
    ) -> bool:
        """Whether a word is to be kept; what follows from it has happened then."""
        if holds is not None and asked_at is not None and asked_at < holds.heard:
            return False  # what was heard since is newer than the answer
        if holds is not None and same(word.value, holds.value):
            return False
        if holds is not None and word.told.at < holds.at:
            return True  # it was so before: what is shown stays
        row = await self._row(word)
        if row is not None and row.status in _OPEN and same(word.value, row.push.value):
            await self.taken(row.push, at=word.told.at)
            return False
        corrections = self._corrections(word.field.key, facts)
        if corrections and _is_theirs(word, corrections[0]):
            await self._overrule(corrections, row)
        elif corrections:
            await self._insist(word, corrections[0], row)
        return True

    async def _row(self, word: _Word) -> PushRow | None:
        rows = await self._store.pushes([word.about.id])
        return next((one for one in rows if one.push.field == word.field.key), None)

    async def _overrule(self, corrections: Iterable[Fact], row: PushRow | None) -> None:
        """Their word won: nothing else is shown, and what waits is not told."""
        now = self._clock.now()
        overruled = [
            Fact(
                id=FactId.of("overruled", one.id),
                identity=one.identity,
                at=now,
                received_at=now,
                source=self.terms.source,
                body=Overruled(correction=one.id),
            )
            for one in corrections
        ]
        await self._store.put_facts(overruled)
        if row is not None:
            await self._store.end_push(PushEnd(push=row.push, status=PushStatus.LEFT, due=now))

    async def _insist(self, word: _Word, correction: Fact, row: PushRow | None) -> None:
        """Our word won: have them told, if they were not or have changed it since."""
        where = word.about.address
        if not word.field.pushed or (where.channel, where.account) != (LOGIN, self.terms.realm):
            return
        is_pushed = row is not None and row.push.change == correction.id
        if row is not None and is_pushed and row.status in _OPEN:
            return
        told = field_in(correction.body, programme=self._knowing.programme)
        push = Push(
            identity=word.about.id,
            field=word.field.key,
            customer=where.user,
            value="" if told is None else told[1],
            change=correction.id,
            at=self._clock.now(),
            number=0 if row is None else row.push.number,
            again=0 if row is None else row.push.again + 1,
        )
        await self._store.put_push(push)
        if push.again > AGAIN:
            log.warning("not pushed anew", crm=self.terms.name, field=push.field)
            ended = PushEnd(push=push, status=PushStatus.FAILED, due=push.at, reason=KEEPS_CHANGING)
            await self._store.end_push(ended)


def _is_theirs(word: _Word, correction: Fact) -> bool:
    match word.field.rule:
        case Rule.OURS:
            return False
        case Rule.THEIRS:
            return True
        case Rule.NEWEST:
            return word.told.at > correction.at


def _dated(word: _Word, holds: _Holds | None, *, asked_at: datetime | None) -> _Word:
    """What they answer holds now: later than what is known, whatever their clock says.

    So it has an id of its own, also when they came back to a value.
    """
    if asked_at is None or holds is None:
        return word
    update = {
        "at": max(word.told.at, holds.at + _MOMENT),
        "id": f"{word.told.id}.{FactId.of(holds.name)[-8:]}",
    }
    return word._replace(told=word.told.model_copy(update=update))
