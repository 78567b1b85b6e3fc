"""Cases inside a thread: opened by the first message, reopened within the window."""

from __future__ import annotations

from bot.hub.draft import Draft
from bot.hub.settings import HubSettings
from bot.model.event import SnoozeOver
from bot.model.ids import EpisodeId
from bot.model.people import Actor
from bot.model.thread import Episode, EpisodeChanged, FacetBy, Phase
from bot.model.value import AwareDatetime


def touch(draft: Draft, settings: HubSettings, *, by: Actor, facet: str | None = None) -> None:
    """A message came: have an open case for it.

    `facet`: the one that the message is sure to show; a new case is that one's, else the current.
    """
    episode = going_on(draft, settings)
    if episode is None:
        _open(draft, by=by, facet=facet)
    elif episode.phase is Phase.RESOLVED:
        move(draft, episode, Phase.OPEN, by=by, reason="reopened")
    else:
        wake(draft, by=by, reason="message")


def snooze(draft: Draft, episode: Episode, *, by: Actor, until: AwareDatetime) -> None:
    """Put a case aside until a moment; a timer takes it up again."""
    draft.add(_changed(episode, Phase.SNOOZED, reason="snoozed", until=until), by=by)
    # Each has a timer of its own: one until the same moment may have rung already.
    draft.set_timer(SnoozeOver(episode=episode.id, until=until), key=draft.event.id, due=until)


def wake(draft: Draft, *, by: Actor, reason: str) -> None:
    """Take up the case again, if it is snoozed."""
    episode = draft.state.episode
    if episode is not None and episode.phase is Phase.SNOOZED:
        move(draft, episode, Phase.OPEN, by=by, reason=reason)


def join(
    draft: Draft,
    settings: HubSettings,
    cases: tuple[Episode | None, Episode | None],
    *,
    by: Actor,
    heard: bool,
) -> None:
    """Two threads became one: one case goes on, an open one before a closed one.

    `heard`: because of something that the customer wrote, so that there is an open case for it.
    """
    known = [case for case in cases if case and _goes_on(case, draft, settings)]
    kept = min(known, key=lambda case: case.phase is Phase.RESOLVED, default=None)
    for case in known:
        if case is not kept and case.phase is not Phase.RESOLVED:
            move(draft, case, Phase.RESOLVED, by=by, reason="linked")
    if kept is None and heard:
        _open(draft, by=by)
    elif kept is not None:
        phase, until = (Phase.OPEN, None) if heard else (kept.phase, kept.until)
        draft.add(_changed(kept, phase, reason="linked", until=until), by=by)


def move(draft: Draft, episode: Episode, phase: Phase, *, by: Actor, reason: str) -> None:
    """Put a case in another phase."""
    draft.add(_changed(episode, phase, reason=reason), by=by)


def going_on(draft: Draft, settings: HubSettings) -> Episode | None:
    """The case that a message now belongs to, or None when it opens one."""
    episode = draft.state.episode
    return episode if episode is not None and _goes_on(episode, draft, settings) else None


def _changed(
    episode: Episode, phase: Phase, *, reason: str, until: AwareDatetime | None = None
) -> EpisodeChanged:
    return EpisodeChanged(
        episode=episode.id,
        phase=phase,
        opened_at=episode.opened_at,
        reason=reason,
        until=until,
        facet=episode.facet,
        facet_by=episode.facet_by,
    )


def _goes_on(episode: Episode, draft: Draft, settings: HubSettings) -> bool:
    """Whether a message now belongs to this case."""
    is_over = episode.phase is Phase.RESOLVED
    return not is_over or draft.now - episode.changed_at <= settings.reopen_window


def _open(draft: Draft, *, by: Actor, facet: str | None = None) -> None:
    draft.add(
        EpisodeChanged(
            episode=EpisodeId.of(draft.event.id),
            phase=Phase.OPEN,
            opened_at=draft.now,
            reason="opened",
            facet=facet or draft.state.facet,
            facet_by=FacetBy.CUE if facet else None,
        ),
        by=by,
    )
