"""Cases inside a thread: opened by the first message, reopened within the window."""

from __future__ import annotations

from bot.hub.draft import Draft
from bot.hub.settings import HubSettings
from bot.model.ids import EpisodeId
from bot.model.people import Actor
from bot.model.thread import Episode, EpisodeChanged, Phase


def touch(draft: Draft, settings: HubSettings, *, by: Actor) -> None:
    """A message came: have an open case for it."""
    episode = draft.state.episode
    if episode is None or not _goes_on(episode, draft, settings):
        _open(draft, by=by)
    elif episode.phase is Phase.RESOLVED:
        move(draft, episode, Phase.OPEN, by=by, reason="reopened")


def join(
    draft: Draft,
    settings: HubSettings,
    cases: tuple[Episode | None, Episode | None],
    *,
    by: Actor,
) -> None:
    """Two threads became one: one case goes on, an open one before a closed one."""
    known = [case for case in cases if case and _goes_on(case, draft, settings)]
    kept = min(known, key=lambda case: case.phase is Phase.RESOLVED, default=None)
    for case in known:
        if case is not kept and case.phase is Phase.OPEN:
            move(draft, case, Phase.RESOLVED, by=by, reason="linked")
    if kept is None:
        _open(draft, by=by)
    else:
        move(draft, kept, Phase.OPEN, by=by, reason="linked")


def move(draft: Draft, episode: Episode, phase: Phase, *, by: Actor, reason: str) -> None:
    """Put a case in another phase."""
    draft.add(
        EpisodeChanged(episode=episode.id, phase=phase, opened_at=episode.opened_at, reason=reason),
        by=by,
    )


def _goes_on(episode: Episode, draft: Draft, settings: HubSettings) -> bool:
    """Whether a message now belongs to this case."""
    is_open = episode.phase is Phase.OPEN
    return is_open or draft.now - episode.changed_at <= settings.reopen_window


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
