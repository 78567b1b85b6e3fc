"""Words that have been kept for long enough are let go; that they were said stays."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from bot.errors import Denied, StaleVersion
from bot.hub import subjects
from bot.model.forgetting import FirstWords, WordsGone, quiet, without_words
from bot.model.ids import IdentityId
from bot.model.record import Span, ThreadRow, Turn
from bot.model.thread import DialogueMoved, Entry, MessageOut, SendStatus, ThreadState
from bot.ports import Store

log = structlog.get_logger("samtal.forgetting")

_IDENTITIES: Final = 500
_ENTRIES: Final = 100  # in one write: everybody else's wait meanwhile
_WRITES: Final = 10
_UNSENT: Final = frozenset({SendStatus.QUEUED, SendStatus.SENDING})


class Forgetting:
    """Goes round over all identities and lets their old words go, but for those that must stay.

    Those under a legal hold stay, of a customer none is let go; what belongs to a case that is not
    over, a message that is still to be sent and all after it.
    """

    def __init__(self, store: Store) -> None:
        # None: for ever.
        self.keep: timedelta | None = None
        self._store = store
        self._after: IdentityId | None = None

    async def step(self, now: datetime) -> int:
        """Let some words go; returns 0 when it has been round, and else how many it looked at."""
        if self.keep is None:
            return 0
        before = now - self.keep
        page = await self._store.first_words(after=self._after, limit=_IDENTITIES)
        written = 0
        batch: list[WordsGone] = []
        async for gone in self._old(page, before):
            batch.append(gone)
            if sum(len(one.entries) for one in batch) >= _ENTRIES:
                await self._write(batch)
                batch, written = [], written + 1
            if written == _WRITES:
                return len(page)
        await self._write(batch)
        self._after = page[-1].identity if len(page) == _IDENTITIES else None
        return len(page) if self._after else 0

    async def _old(self, page: Sequence[FirstWords], before: datetime) -> AsyncIterator[WordsGone]:
        for one in page:
            if one.at is None or one.at >= before:
                continue
            found = await self._store.identity(one.identity)
            if found is None:
                continue
            turn = await self._store.turn(found.thread)
            customer = subjects.Customer(turn.state.thread, turn.identities)
            if await self._store.holds(customer.ids):
                continue
            end = _end(turn.state, before)
            await self._quieten(turn, end)
            async for gone in self._of(one, customer, turn.state, end):
                yield gone

    async def _of(
        self, first: FirstWords, customer: subjects.Customer, state: ThreadState, end: datetime
    ) -> AsyncIterator[WordsGone]:
        """What is to go of one identity, in order, until something has to stay."""
        seq = first.seq
        while True:
            span = Span(identity=first.identity, from_seq=seq)
            entries = await self._store.entries([span], limit=_ENTRIES)
            old = await self._as_far_as(entries, state, end)
            if old:
                yield WordsGone(
                    identity=first.identity,
                    up_to=old[-1].seq,
                    entries=tuple(bare for one in old if (bare := without_words(one)) is not one),
                    blobs=await subjects.files_in(self._store, old, customer),
                )
            if len(old) < _ENTRIES:
                return
            seq = old[-1].seq + 1

    async def _as_far_as(
        self, entries: Sequence[Entry], state: ThreadState, end: datetime
    ) -> list[Entry]:
        """The first of these entries that may all go."""
        going: list[Entry] = []
        sends = [one.body.send for one in entries if isinstance(one.body, MessageOut)]
        unsent = {one.send for one in await self._store.sends(sends) if one.status in _UNSENT}
        for one in entries:
            body = one.body
            if one.at >= end or (isinstance(body, MessageOut) and body.send in unsent):
                break
            if isinstance(body, DialogueMoved) and _is_asked(body, state):
                break
            going.append(one)
        return going

    async def _quieten(self, turn: Turn, end: datetime) -> None:
        """Let go of the words in the snapshot, when all was said too long ago."""
        state = turn.state
        if state.last_at is None or state.last_at >= end:
            return
        if (bare := quiet(state)) != state:
            try:
                await self._store.put_state(ThreadRow(state=bare, identities=turn.identities))
            except StaleVersion:
                log.info("moved on", thread=state.thread)

    async def _write(self, batch: Sequence[WordsGone]) -> None:
        if not batch:
            return
        try:
            await self._store.forget_words(batch)
        except Denied as error:  # since we looked; the others have their turn with the next round
            log.info("kept", reason=str(error))
        else:
            log.info("words forgotten", entries=sum(len(one.entries) for one in batch))


def _end(state: ThreadState, before: datetime) -> datetime:
    """What a case that is not over began with is not old."""
    case = state.episode
    return before if case is None or case.phase.over else min(before, case.opened_at)


def _is_asked(moved: DialogueMoved, state: ThreadState) -> bool:
    """Whether a form that is still being asked stands in the snapshot as this entry has it."""
    form = state.dialogue.form
    return form is not None and moved.dialogue.form == form
