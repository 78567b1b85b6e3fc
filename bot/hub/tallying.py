"""Counts who speaks as which persona, beside the line: a page of threads at a time, once an hour.

One process does it, and holds the chore while it does. Threads are read the latest first: one that
somebody writes in meanwhile may be missed, none is counted twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Final

import structlog

from bot.hub.journey import likeliest
from bot.hub.personas import Personas
from bot.model.counts import ACTIVE, CardSeen, Cell, PersonaCounts, PersonaTally
from bot.model.facet import Facet
from bot.model.listing import ThreadOrder, ThreadPlace
from bot.model.record import ThreadRow
from bot.ports import Clock, Store

log = structlog.get_logger("samtal.tallying")

UNKNOWN: Final = "unknown"
_CHORE: Final = "persona counts"
_EVERY: Final = timedelta(hours=1)
_HOLD: Final = timedelta(minutes=5)
_LOOK_AGAIN: Final = timedelta(minutes=1)
# What a page costs, about 25 ms, nobody else of this process gets meanwhile.
_PAGE: Final = 300


class Tally:
    """What is counted so far."""

    def __init__(self, at: datetime) -> None:
        self.at = at
        self.since = at - ACTIVE
        self.after: ThreadPlace | None = None
        self._personas: dict[str, _OfPersona] = {}

    def add(self, row: ThreadRow) -> None:
        """One more customer."""
        for facet in row.state.facets:
            if facet.last_at is None:
                continue  # an agent said so, and nothing was said as it since
            of = self._personas.setdefault(facet.persona, _OfPersona())
            of.ever += 1
            if facet.last_at >= self.since:
                of.add(facet, row, since=self.since)

    def counts(self) -> PersonaCounts:
        """All of it."""
        return PersonaCounts(
            at=self.at,
            since=self.since,
            personas=tuple(self._personas[key].tally(key) for key in sorted(self._personas)),
        )


class _OfPersona:
    def __init__(self) -> None:
        self.ever = 0
        self._active = 0
        self._stages: Counter[str] = Counter()
        self._channels: Counter[str] = Counter()
        self._languages: Counter[str] = Counter()
        self._needs: Counter[str] = Counter()

    def add(self, facet: Facet, row: ThreadRow, *, since: datetime) -> None:
        state = row.state
        self._active += 1
        self._stages[likeliest(facet.belief) or UNKNOWN] += 1
        self._languages[state.language or UNKNOWN] += 1
        wrote = {last.identity for last in state.last_inbound if last.at >= since}
        self._channels.update({one.address.channel for one in row.identities if one.id in wrote})
        self._needs.update(set(facet.needs))

    def tally(self, persona: str) -> PersonaTally:
        return PersonaTally(
            persona=persona,
            ever=self.ever,
            active=self._active,
            stages=_cells(self._stages),
            channels=_cells(self._channels),
            languages=_cells(self._languages),
            needs=_cells(self._needs),
        )


def _cells(counted: Counter[str]) -> tuple[Cell, ...]:
    return tuple(Cell(key=key, count=counted[key]) for key in sorted(counted))


class Tallying:
    """Does the chore, a little at each call."""

    def __init__(self, *, store: Store, clock: Clock, personas: Personas) -> None:
        self._store = store
        self._clock = clock
        self._personas = personas
        self._seen: Personas | None = None
        self._holder = token_hex(8)
        self._tally: Tally | None = None
        self._look_at: datetime | None = None

    def take_over(self, personas: Personas) -> None:
        """Go on with these."""
        self._personas = personas

    async def step(self) -> int:
        """Do a little of it; returns how many threads were counted just now."""
        now = self._clock.now()
        if self._seen is not self._personas:
            await self._see(self._personas, now)
        if self._tally is None and (self._look_at is None or self._look_at <= now):
            await self._begin(now)
        return 0 if self._tally is None else await self._go_on(self._tally, now)

    async def _see(self, personas: Personas, now: datetime) -> None:
        """Keep since when the cards say what they say."""
        cards = [
            CardSeen(persona=one.key, version=one.texts.version, at=now) for one in personas.all
        ]
        await self._store.see_cards(cards)
        self._seen = personas

    async def _begin(self, now: datetime) -> None:
        self._look_at = now + _LOOK_AGAIN
        # Another name each time: what this process counted last is done, and not to be prolonged.
        self._holder = token_hex(8)
        if await self._hold(now, until=now + _HOLD):
            self._tally = Tally(now)

    async def _go_on(self, tally: Tally, now: datetime) -> int:
        if not await self._hold(now, until=now + _HOLD):
            self._tally = None  # it took too long, and somebody else has begun
            return 0
        rows = await self._store.threads(after=tally.after, limit=_PAGE)
        for row in rows:
            tally.add(row)
        if len(rows) == _PAGE:
            tally.after = ThreadPlace.of(rows[-1], ThreadOrder.NEWEST)
            return len(rows)
        await self._store.put_persona_counts(tally.counts())
        self._look_at = max(tally.at + _EVERY, now + _LOOK_AGAIN)
        await self._hold(now, until=self._look_at)
        self._tally = None
        log.info("personas counted", began=tally.at)
        return len(rows)

    async def _hold(self, now: datetime, *, until: datetime) -> bool:
        return await self._store.hold_chore(_CHORE, holder=self._holder, now=now, until=until)


def tally_of(counts: PersonaCounts | None, persona: str) -> PersonaTally | None:
    """What was counted of a persona; nobody, when counts do not name it; None without counts."""
    if counts is None:
        return None
    found: Iterable[PersonaTally] = (one for one in counts.personas if one.persona == persona)
    return next(iter(found), PersonaTally(persona=persona, ever=0, active=0))
