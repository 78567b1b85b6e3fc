"""A thread's state is what its entries add up to, here and nowhere else."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from bot.hub import facets
from bot.model.facet import PRIVATE, FacetChanged, FacetsStand
from bot.model.ids import LinkId
from bot.model.thread import (
    ConsentChanged,
    ConversationStarted,
    DialogueMoved,
    EchoOut,
    Entry,
    Episode,
    EpisodeChanged,
    JourneyMoved,
    LastInbound,
    MessageIn,
    MessageOut,
    OwnerChanged,
    ThreadState,
    UnsupportedIn,
)

_LINE = 120


def fold(
    state: ThreadState, entries: Iterable[Entry], *, links: Collection[LinkId] = ()
) -> ThreadState:
    """The state after these entries, oldest first; the version stays the caller's.

    `links`: those between the thread's identities. What an entry says because of another one held
    in a thread that is two again, and is passed over.
    """
    for entry in entries:
        if entry.link is None or entry.link in links:
            state = apply(state, entry)
    return state


def apply(state: ThreadState, entry: Entry) -> ThreadState:  # noqa: C901, PLR0911 - one a fact
    """The state after one more entry."""
    body = entry.body
    match body:
        case MessageIn():
            return _spoke(_here(_heard(state, entry, body), entry), entry, body.text)
        case ConversationStarted() | ConsentChanged() | UnsupportedIn():
            return _here(state, entry)
        case MessageOut():
            dialogue = state.dialogue.model_copy(update={"choices": body.offered})
            spoken = _spoke(state, entry, body.text)
            return spoken.model_copy(update={"dialogue": dialogue})
        case EchoOut():
            return _spoke(state, entry, body.text)
        case OwnerChanged():
            return state.model_copy(update={"owner": body.owner, "epoch": body.epoch})
        case EpisodeChanged():
            episode = Episode(
                id=body.episode,
                phase=body.phase,
                opened_at=body.opened_at,
                changed_at=body.since or entry.at,
                until=body.until,
                facet=body.facet or PRIVATE,
                facet_by=body.facet_by,
            )
            return state.model_copy(update={"episode": episode})
        case DialogueMoved():
            return state.model_copy(
                update={"dialogue": body.dialogue, "language": body.language or state.language}
            )
        case JourneyMoved():
            moved = {
                "belief": body.belief,
                "belief_at": entry.at,
                "before": body.before,
                "because": body.because,
            }
            facet = state.as_persona(body.facet or PRIVATE)
            return facets.with_facet(state, facet.model_copy(update=moved))
        case FacetChanged():
            return _changed_facet(state, body)
        case FacetsStand():
            return facets.standing(state, body.facets, current=body.facet)
        case _:
            return state


def _heard(state: ThreadState, entry: Entry, message: MessageIn) -> ThreadState:
    """The customer said this as one of their facets."""
    if message.understanding is None:
        return state
    facet = state.as_persona(message.facet or PRIVATE)
    return facets.with_facet(state, facets.heard(facet, message.understanding, at=entry.at))


def _changed_facet(state: ThreadState, body: FacetChanged) -> ThreadState:
    case = state.episode
    if case is not None and case.id == body.episode:
        belongs = {"facet": body.facet, "facet_by": body.reason}
        state = state.model_copy(update={"episode": case.model_copy(update=belongs)})
    if state.belief:  # of before there were facets: it stands in no other place
        state = facets.with_facet(state, state.as_persona(state.facet))
    state = facets.with_facet(state, state.as_persona(body.facet))
    return facets.standing(state, state.facets, current=body.facet)


def _here(state: ThreadState, entry: Entry) -> ThreadState:
    """The customer did something at this address: that is where they are, and it opens windows."""
    others = [last for last in state.last_inbound if last.identity != entry.identity]
    # In order of identity, so that the same entries always give the same state.
    last_inbound = sorted(
        [*others, LastInbound(identity=entry.identity, at=entry.at)],
        key=lambda last: last.identity,
    )
    return state.model_copy(update={"active": entry.identity, "last_inbound": tuple(last_inbound)})


def _spoke(state: ThreadState, entry: Entry, text: str) -> ThreadState:
    return state.model_copy(update={"last_at": entry.at, "last_text": text[:_LINE]})
