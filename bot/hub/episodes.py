"""Cases inside a thread: opened by the first message, reopened within the window."""

from __future__ import annotations

from bot.hub.draft import Draft
from bot.hub.settings import HubSettings
from bot.model.ids import EpisodeId
from bot.model.people import Actor
from bot.model.thread import Episode, EpisodeChanged, Phase

_CLOSED = frozenset({Phase.RESOLVED, Phase.ABANDONED})


def touch(draft: Draft, settings: HubSettings, *, by: Actor) -> None:
    """A message came: have an open case for it."""
    episode = draft.state.episode
    if episode is None:
        _open(draft, by=by)
    elif episode.phase in _CLOSED:
        if draft.now - episode.changed_at <= settings.reopen_window:
            move(draft, episode, Phase.OPEN, by=by, reason="reopened")
        else:
            _open(draft, by=by)


def move(draft: Draft, episode: Episode, phase: Phase, *, by: Actor, reason: str) -> None:
    """Put a case in another phase."""
    draft.add(
        EpisodeChanged(episode=episode.id, phase=phase, opened_at=episode.opened_at, reason=reason),
        by=by,
    )


def _open(draft: Draft, *, by: Actor) -> None:
    draft.add(
        EpisodeChanged(
            episode=EpisodeId.of(draft.event.id),
            phase=Phase.OPEN,
            opened_at=draft.now,
            reason="opened",
        ),
        by=by,
    )
