"""Cases inside a thread: opened by a message, waiting, over, and reopened within the window."""

from __future__ import annotations

from bot.hub.draft import Draft
from bot.hub.settings import HubSettings
from bot.model.event import CaseQuiet, Rejected, SnoozeOver
from bot.model.facet import FacetBy
from bot.model.ids import EpisodeId
from bot.model.people import Actor, BySystem
from bot.model.thread import Episode, EpisodeChanged, OwnedByBot, Phase
from bot.model.value import AwareDatetime


def touch(
    draft: Draft,
    settings: HubSettings,
    *,
    by: Actor,
    heard: bool = True,
    facet: str | None = None,
) -> None:
    """Have an open case: a message came (`heard`), or an agent deals with it.

    `facet`: the one that the message is sure to show; a new case is that one's, else the current.
    """
    episode = going_on(draft, settings)
    if episode is None:
        _open(draft, settings, by=by, facet=facet)
    elif episode.phase.over:
        move(draft, episode, Phase.OPEN, by=by, reason="reopened")
        _look_again(draft, settings, episode.id)
    elif episode.phase is Phase.WAITING and heard:
        move(draft, episode, Phase.OPEN, by=by, reason="message")
    else:
        wake(draft, by=by, reason="message")


def await_customer(draft: Draft, *, by: Actor) -> None:
    """An agent has answered: the case waits for the customer."""
    episode = draft.state.episode
    if episode is not None and episode.phase is Phase.OPEN:
        move(draft, episode, Phase.WAITING, by=by, reason="answered")


def give_up(draft: Draft, settings: HubSettings, body: CaseQuiet) -> bool:
    """Let a case go whose customer has been quiet for long; False when it is not (yet) so.

    One that an agent still has to answer is never let go.
    """
    state = draft.state
    episode = state.episode
    if episode is None or episode.id != body.episode or episode.phase.over:
        draft.outcome = Rejected(reason="this case is closed, or another one")
        return False
    heard = max((last.at for last in state.last_inbound), default=episode.opened_at)
    waits = episode.phase is Phase.WAITING or isinstance(state.owner, OwnedByBot)
    if not waits or draft.now - heard < settings.abandon_after:
        _look_again(draft, settings, episode.id, since=heard if waits else draft.now)
        return False
    move(draft, episode, Phase.ABANDONED, by=BySystem(), reason="quiet")
    return True


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
    there = [case for case in cases if case]
    known = [case for case in there if _goes_on(case, draft, settings)]
    kept = min(known, key=lambda case: case.phase.over, default=None)
    for case in known:
        if case is not kept and not case.phase.over:
            move(draft, case, Phase.RESOLVED, by=by, reason="linked")
    if heard and kept is None:
        _open(draft, settings, by=by)
    elif heard and kept is not None:
        move(draft, kept, Phase.OPEN, by=by, reason="linked")
    elif there:
        stands = kept or max(there, key=lambda case: case.changed_at)
        same = _changed(stands, stands.phase, reason="linked", until=stands.until)
        draft.add(same.model_copy(update={"since": stands.changed_at}), by=by)


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
    return not episode.phase.over or draft.now - episode.changed_at <= settings.reopen_window


def _open(draft: Draft, settings: HubSettings, *, by: Actor, facet: str | None = None) -> None:
    episode = EpisodeId.of(draft.event.id)
    opened = EpisodeChanged(
        episode=episode,
        phase=Phase.OPEN,
        opened_at=draft.now,
        reason="opened",
        facet=facet or draft.state.facet,
        facet_by=FacetBy.CUE if facet else None,
    )
    draft.add(opened, by=by)
    _look_again(draft, settings, episode)


def _look_again(
    draft: Draft,
    settings: HubSettings,
    episode: EpisodeId,
    *,
    since: AwareDatetime | None = None,
) -> None:
    """Set a timer for when the customer will have been quiet for long."""
    due = (since or draft.now) + settings.abandon_after
    draft.set_timer(CaseQuiet(episode=episode), key=f"{episode} {draft.event.id}", due=due)
