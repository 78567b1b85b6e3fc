"""Messages to learn from: those the reader was unsure of, and what people say they mean.

Kept as facts of the identity that wrote them, with the entry's id and never its text: whoever is
erased takes them along. A message is for review once, and has one verdict.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from typing import Final

from bot.errors import Conflict, NotFound
from bot.model.fact import Fact, FactPlace, ForReview, Reviewed, ReviewReason, review_key
from bot.model.ids import AgentId, EntryId, FactId, IdentityId
from bot.model.thread import MessageIn
from bot.model.understanding import Language, Understanding
from bot.model.value import AwareDatetime, Value
from bot.ports import Clock, Store

_SOURCE: Final = "nlu"
_AGENT: Final = "agent"
_PAGE: Final = 100
OUT_OF_SCOPE: Final = "oos"
HUMAN: Final = "human.request"


class ReviewItem(Value):
    """One message that waits for a verdict."""

    id: FactId
    reason: ReviewReason
    at: AwareDatetime
    entry: EntryId
    text: str
    language: Language | None
    guess: str | None
    confidence: float


class ReviewPage(Value):
    """Some of what waits, the newest first; `next` is where the page ended, if there are more."""

    items: tuple[ReviewItem, ...]
    next: FactPlace | None = None


class Labelled(Value):
    """A row to learn from: a customer's words and the intent that a person saw in them."""

    text: str
    label: str
    lang: Language | None


def for_review(
    entry: EntryId,
    read: Understanding | None,
    *,
    of: IdentityId,
    at: AwareDatetime,
    reason: ReviewReason | None = None,
) -> Fact:
    """The fact that a message is for review; without a reason, as the reader left it."""
    guess = read.guesses[0] if read and read.guesses else None
    known = read is not None and read.in_scope
    body = ForReview(
        reason=reason or (ReviewReason.UNSURE if known else ReviewReason.OUT_OF_SCOPE),
        entry=entry,
        language=read.language if read else None,
        guess=guess.intent if guess else None,
        confidence=guess.confidence if guess else 0.0,
    )
    return Fact(
        id=FactId.of(_SOURCE, "for_review", entry),
        identity=of,
        at=at,
        received_at=at,
        source=_SOURCE,
        body=body,
    )


class Reviewing:
    """Lists what waits for a verdict, and takes verdicts."""

    def __init__(self, *, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def page(
        self, reason: ReviewReason | None = None, *, before: FactPlace | None = None, limit: int
    ) -> ReviewPage:
        """What waits for a verdict, the newest first."""
        wanted = [review_key(one) for one in ([reason] if reason else ReviewReason)]
        items: list[ReviewItem] = []
        places: list[FactPlace] = []
        while len(items) <= limit:
            found = await self._store.facts_under(wanted, before=before, limit=_PAGE)
            for fact, item in await self._open(found):
                items.append(item)
                places.append(FactPlace.of(fact))
            if len(found) < _PAGE:
                break
            before = FactPlace.of(found[-1])
        more = len(items) > limit
        return ReviewPage(items=tuple(items[:limit]), next=places[limit - 1] if more else None)

    async def settle(self, review: FactId, label: str | None, *, by: AgentId) -> None:
        """Say what a message means (None: nothing to learn from); raises NotFound and Conflict.

        Conflict when somebody said something else of it before.
        """
        for fact in await self._store.known_facts([review]):
            if isinstance(fact.body, ForReview):
                await self._judge(fact.identity, fact.body.entry, label, by=by)
                return
        raise NotFound(f"nothing for review under {review}")

    async def correct(self, entry: EntryId, label: str, *, by: AgentId) -> None:
        """Say what a message in a thread means; raises NotFound and Conflict as `settle` does."""
        found = await self._store.entry(entry)
        if found is None or not isinstance(found.body, MessageIn):
            raise NotFound(f"no message {entry}")
        told = for_review(
            entry,
            found.body.understanding,
            of=found.identity,
            at=found.at,
            reason=ReviewReason.CORRECTED,
        )
        await self._store.put_facts([told])
        await self._judge(found.identity, entry, label, by=by)

    async def labelled(self) -> AsyncIterator[Labelled]:
        """All messages whose meaning somebody said, the newest first."""
        before: FactPlace | None = None
        while found := await self._store.facts_under(
            [review_key(None)], before=before, limit=_PAGE
        ):
            for fact in found:
                if isinstance(fact.body, Reviewed) and fact.body.label is not None:
                    heard = await self._message(fact.body.entry)
                    if heard is not None:
                        read = heard.understanding
                        language = read.language if read else None
                        yield Labelled(text=heard.text, label=fact.body.label, lang=language)
            before = FactPlace.of(found[-1])

    async def _judge(
        self, identity: IdentityId, entry: EntryId, label: str | None, *, by: AgentId
    ) -> None:
        now = self._clock.now()
        verdict = Fact(
            id=_verdict(entry),
            identity=identity,
            at=now,
            received_at=now,
            source=_AGENT,
            body=Reviewed(entry=entry, label=label, by=by),
        )
        if await self._store.put_facts([verdict]):
            return
        (known,) = await self._store.known_facts([verdict.id])
        if not isinstance(known.body, Reviewed) or known.body.label != label:
            raise Conflict("somebody has said something else of this message")

    async def _open(self, found: Sequence[Fact]) -> list[tuple[Fact, ReviewItem]]:
        bodies = [(fact, fact.body) for fact in found if isinstance(fact.body, ForReview)]
        verdicts = await self._store.known_facts([_verdict(body.entry) for _, body in bodies])
        settled = {fact.body.entry for fact in verdicts if isinstance(fact.body, Reviewed)}
        return [
            (fact, item)
            for fact, body in bodies
            if body.entry not in settled and (item := await self._item(fact, body)) is not None
        ]

    async def _item(self, fact: Fact, body: ForReview) -> ReviewItem | None:
        heard = await self._message(body.entry)
        if heard is None:
            return None
        return ReviewItem(
            id=fact.id,
            reason=body.reason,
            at=fact.at,
            entry=body.entry,
            text=heard.text,
            language=body.language,
            guess=body.guess,
            confidence=body.confidence,
        )

    async def _message(self, entry: EntryId) -> MessageIn | None:
        """The message, as long as its words are kept."""
        found = await self._store.entry(entry)
        if found is None or found.gone:
            return None
        return found.body if isinstance(found.body, MessageIn) else None


def _verdict(entry: EntryId) -> FactId:
    return FactId.of(_AGENT, "reviewed", entry)


def labels(intents: Collection[str]) -> tuple[str, ...]:
    """What a message can be said to mean: an intent that there is an answer to, or none of them."""
    return (*sorted({*intents, HUMAN}), OUT_OF_SCOPE)
