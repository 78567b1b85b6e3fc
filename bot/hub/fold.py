"""A thread's state is what its entries add up to, here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable

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


def fold(state: ThreadState, entries: Iterable[Entry]) -> ThreadState:
    """The state after these entries, oldest first; the version stays the caller's."""
    for entry in entries:
        state = apply(state, entry)
    return state


def apply(state: ThreadState, entry: Entry) -> ThreadState:  # noqa: PLR0911 - one a fact
    """The state after one more entry."""
    body = entry.body
    match body:
        case MessageIn():
            return _spoke(_here(state, entry), entry, body.text)
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
                changed_at=entry.at,
                until=body.until,
            )
            return state.model_copy(update={"episode": episode})
        case DialogueMoved():
            return state.model_copy(
                update={"dialogue": body.dialogue, "language": body.language or state.language}
            )
        case JourneyMoved():
            return state.model_copy(update={"belief": body.belief, "belief_at": entry.at})
        case _:
            return state


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
