"""Facets: one customer as several personas, each with a journey and interests of its own.

Pure functions over what is known; `fold` uses them, so that a rebuilt thread comes out the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from bot.model.facet import PRIVATE, Facet, FacetsStand, Interest
from bot.model.thread import ThreadState
from bot.model.understanding import PersonaShare, Understanding
from bot.model.value import AwareDatetime

# From here on a message is sure to show a persona.
_SURE = 0.5
_INTERESTS = 8
# Everybody greets and thanks: no interest of anybody's.
_SMALL_TALK = frozenset({"greet", "goodbye", "thanks", "affirm", "deny"})
_THINGS: dict[str, Literal["product", "category"]] = {
    "product": "product",
    "category": "category",
}


def shown(personas: Sequence[PersonaShare], *, current: str) -> PersonaShare | None:
    """The persona that a message is sure to show, or None when it may be anybody's.

    When several are as sure as each other, it shows the one spoken as before, if that is among
    them, and else none.
    """
    most = max((each.share for each in personas), default=0.0)
    if most < _SURE:
        return None
    surest = [each for each in personas if each.share == most]
    if len(surest) == 1:
        return surest[0]
    return next((each for each in surest if each.persona == current), None)


def heard(facet: Facet, read: Understanding, *, at: AwareDatetime) -> Facet:
    """The facet after one more message of it."""
    needs = {*facet.needs, read.need} if read.need and read.in_scope else facet.needs
    return facet.model_copy(
        update={
            "interests": _latest([*facet.interests, *_interests(read, at=at)]),
            "needs": tuple(sorted(needs)),
            "first_at": _first(facet.first_at, at),
            "last_at": _last(facet.last_at, at),
        }
    )


def with_facet(state: ThreadState, facet: Facet) -> ThreadState:
    """The state with this facet; its belief is the thread's if it is the one spoken as."""
    others = [each for each in state.facets if each.persona != facet.persona]
    return standing(state, [*others, facet], current=state.facet)


def standing(state: ThreadState, facets: Iterable[Facet], *, current: str) -> ThreadState:
    """The state with these facets and no other, and the one spoken as."""
    # In order of name, so that the same entries always give the same state.
    ordered = tuple(sorted(facets, key=lambda facet: facet.persona))
    now = next((facet for facet in ordered if facet.persona == current), Facet(persona=current))
    return state.model_copy(
        update={
            "facets": ordered,
            "facet": current,
            "belief": now.belief,
            "belief_at": now.belief_at,
        }
    )


def joined(into: ThreadState, absorbed: ThreadState) -> tuple[ThreadState, FacetsStand | None]:
    """The facets of two threads that become one, and the entry that says them anew.

    What both believe of a facet is as the surviving thread has it; the one spoken as is its, unless
    only the other knows where its journey stands. Without an entry what the entries of both add up
    to is the same in any order.
    """
    known = {facet.persona: facet for facet in _all(absorbed)}
    for facet in _all(into):
        other = known.get(facet.persona)
        known[facet.persona] = facet if other is None else _merged(facet, other)
    current = into.facet if into.belief or not absorbed.belief else absorbed.facet
    state = standing(into, known.values(), current=current)
    if {*known, into.facet, absorbed.facet} <= {PRIVATE}:
        return state, None
    return state, FacetsStand(facets=state.facets, facet=current, reason="linked")


def _all(state: ThreadState) -> Iterator[Facet]:
    yield from state.facets
    if state.belief and all(facet.persona != state.facet for facet in state.facets):
        yield state.as_persona(state.facet)


def _merged(one: Facet, other: Facet) -> Facet:
    believed = one if one.belief else other
    return Facet(
        persona=one.persona,
        belief=believed.belief,
        belief_at=believed.belief_at,
        before=believed.before,
        because=believed.because,
        interests=_latest([*one.interests, *other.interests]),
        needs=tuple(sorted({*one.needs, *other.needs})),
        first_at=_first(one.first_at, other.first_at),
        last_at=_last(one.last_at, other.last_at),
    )


def _interests(read: Understanding, *, at: AwareDatetime) -> Iterator[Interest]:
    if read.intent is not None and read.intent not in _SMALL_TALK:
        yield Interest(kind="intent", value=read.intent, at=at)
    for found in read.entities:
        if found.kind in _THINGS:
            yield Interest(kind=_THINGS[found.kind], value=found.value, at=at)
    for motive in read.motives:
        yield Interest(kind="motive", value=motive, at=at)


def _latest(interests: Iterable[Interest]) -> tuple[Interest, ...]:
    newest: dict[tuple[str, str], Interest] = {}
    for each in interests:
        known = newest.get((each.kind, each.value))
        if known is None or known.at < each.at:
            newest[each.kind, each.value] = each
    by_name = sorted(newest.values(), key=lambda each: (each.kind, each.value))
    return tuple(sorted(by_name, key=lambda each: each.at, reverse=True)[:_INTERESTS])


def _first(one: AwareDatetime | None, other: AwareDatetime | None) -> AwareDatetime | None:
    return min((at for at in (one, other) if at is not None), default=None)


def _last(one: AwareDatetime | None, other: AwareDatetime | None) -> AwareDatetime | None:
    return max((at for at in (one, other) if at is not None), default=None)
