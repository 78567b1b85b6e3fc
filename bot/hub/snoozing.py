"""Cases put aside for a while: until a moment, or until somebody writes."""

from __future__ import annotations

from bot.hub import episodes, owning
from bot.hub.draft import Draft
from bot.hub.scene import Scene
from bot.model.event import AgentSnoozes, AgentUnsnoozes, Rejected, SnoozeOver
from bot.model.people import BySystem
from bot.model.thread import Phase

SnoozeEvent = AgentSnoozes | AgentUnsnoozes | SnoozeOver


def handle(scene: Scene, body: SnoozeEvent) -> None:
    """Put what the event does into the scene's draft; only the owner snoozes."""
    match body:
        case AgentSnoozes():
            if owning.owned_by(scene.draft, body.by):
                _snooze(scene.draft, body)
        case AgentUnsnoozes():
            if owning.owned_by(scene.draft, body.by):
                _unsnooze(scene.draft, body)
        case SnoozeOver():
            _wake(scene.draft, body)


def _snooze(draft: Draft, body: AgentSnoozes) -> None:
    episode = draft.state.episode
    if episode is None or episode.phase.over:
        draft.outcome = Rejected(reason="there is no open case")
    elif body.until <= draft.now:
        draft.outcome = Rejected(reason="that moment has passed")
    else:
        episodes.snooze(draft, episode, by=body.by, until=body.until)


def _unsnooze(draft: Draft, body: AgentUnsnoozes) -> None:
    episode = draft.state.episode
    if episode is None or episode.phase is not Phase.SNOOZED:
        draft.outcome = Rejected(reason="this case is not snoozed")
        return
    episodes.wake(draft, by=body.by, reason="unsnoozed")


def _wake(draft: Draft, body: SnoozeOver) -> None:
    episode = draft.state.episode
    if episode is None or (episode.id, episode.until) != (body.episode, body.until):
        draft.outcome = Rejected(reason="this snooze has ended")
        return
    episodes.wake(draft, by=BySystem(), reason="snooze_over")
