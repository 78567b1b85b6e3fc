"""What live data says of a persona: how many customers, what they have, and what has changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final, Literal

from bot.errors import NotFound
from bot.hub.cells import FEWEST, drift, shown
from bot.hub.personas import Persona, Personas
from bot.hub.tallying import tally_of
from bot.model.counts import ACTIVE, CardSeen, Cell, PersonaTally
from bot.model.value import AwareDatetime, Value
from bot.ports import Store

# |z| beyond this happens by chance once in a hundred times.
BEYOND_CHANCE: Final = 2.58
# What is compared with may be so much older than it should be: nobody counted on that day.
_SLACK: Final = timedelta(days=7)


class Share(Value):
    """A part of the active customers; `count` None: under ten, or it would give such a one away.

    `before` is the share of 90 days ago, `z` how far the two differ by the two-proportion test;
    `drift` when that is more than chance does.
    """

    key: str
    count: int | None
    share: float | None = None
    before: float | None = None
    z: float | None = None
    drift: Literal["up", "down"] | None = None


class Evidence(Value):
    """What was counted `at` a moment: who was active `since`, and who ever was.

    A number of None is under `fewest`, or would give one away that is. `compared_at`: when the
    counts were made that it is compared with; None: there are none of 90 days before.
    """

    at: AwareDatetime
    since: AwareDatetime
    fewest: int = FEWEST
    compared_at: AwareDatetime | None
    active: int | None
    ever: int | None
    stages: tuple[Share, ...]
    channels: tuple[Share, ...]
    languages: tuple[Share, ...]
    needs: tuple[Share, ...]


class PersonaEvidence(Value):
    """A persona, the versions that its card had (the latest first), and what was counted."""

    persona: Persona
    versions: tuple[CardSeen, ...]
    evidence: Evidence | None


class Evidences:
    """Reads what was counted of personas."""

    def __init__(self, *, store: Store, personas: Personas) -> None:
        self.personas = personas
        self._store = store

    async def of(self, key: str) -> PersonaEvidence:
        """Everything about one persona; raises NotFound."""
        persona = next((one for one in self.personas.all if one.key == key), None)
        if persona is None:
            raise NotFound(f"no persona {key}")
        return PersonaEvidence(
            persona=persona,
            versions=tuple(await self._store.cards_seen(key)),
            evidence=await self._evidence(key),
        )

    async def _evidence(self, key: str) -> Evidence | None:
        counts = await self._store.persona_counts()
        now = tally_of(counts, key)
        if counts is None or now is None:
            return None
        due = counts.at - ACTIVE
        earlier = await self._store.persona_counts(until=due)
        if earlier is not None and earlier.at < due - _SLACK:
            earlier = None
        before = tally_of(earlier, key)
        of = shown({"active": now.active, "not": now.ever - now.active}, total=now.ever)
        return Evidence(
            at=counts.at,
            since=counts.since,
            compared_at=None if earlier is None else earlier.at,
            active=None if 0 < now.active < FEWEST else now.active,
            ever=now.ever if "not" in of else None,
            stages=_shares(now, before, "stages"),
            channels=_shares(now, before, "channels"),
            languages=_shares(now, before, "languages"),
            needs=_shares(now, before, "needs"),
        )


_Kind = Literal["stages", "channels", "languages", "needs"]


def _shares(now: PersonaTally, before: PersonaTally | None, kind: _Kind) -> tuple[Share, ...]:
    """Each cell, the largest first, what is not shown at the end."""
    here, there = _cells(now, kind), _cells(before, kind)
    keys = sorted({*here, *there})
    counts = shown({key: here.get(key, 0) for key in keys}, total=now.active)
    if before is None:
        was: Mapping[str, int] = {}
    else:
        was = shown({key: there.get(key, 0) for key in keys}, total=before.active)
    of = (now.active, 0 if before is None else before.active)
    found = [_share(key, counts.get(key), was.get(key), of=of) for key in keys]
    return tuple(sorted(found, key=lambda one: (one.count is None, -(one.count or 0), one.key)))


def _cells(tally: PersonaTally | None, kind: _Kind) -> dict[str, int]:
    if tally is None:
        return {}
    cells: Sequence[Cell] = getattr(tally, kind)
    return {cell.key: cell.count for cell in cells}


def _share(key: str, count: int | None, was: int | None, *, of: tuple[int, int]) -> Share:
    now, before = of
    if count is None:
        return Share(key=key, count=None)
    share = round(count / now, 4) if now else None
    if was is None or not before:
        return Share(key=key, count=count, share=share)
    z = drift(count, now, was, before)
    return Share(
        key=key,
        count=count,
        share=share,
        before=round(was / before, 4),
        z=None if z is None else round(z, 2),
        drift=None if z is None or abs(z) <= BEYOND_CHANCE else ("up" if z > 0 else "down"),
    )
