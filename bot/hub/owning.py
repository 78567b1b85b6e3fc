"""Who may speak: the owner axis and its epoch (every change raises it)."""

from __future__ import annotations

from bot.hub.draft import Draft
from bot.hub.settings import HubSettings
from bot.model.event import OfferExpired, Rejected
from bot.model.people import Actor, ByAgent
from bot.model.thread import (
    Offered,
    OwnedByAgent,
    OwnedByBot,
    Owner,
    OwnerChanged,
)


def change_owner(draft: Draft, owner: Owner, *, by: Actor, reason: str, note: str = "") -> None:
    """Let somebody else speak from here on."""
    draft.add(
        OwnerChanged(owner=owner, epoch=draft.state.epoch + 1, reason=reason, note=note), by=by
    )


def offer(
    draft: Draft,
    settings: HubSettings,
    *,
    by: Actor,
    reason: str,
    queue: str | None = None,
) -> None:
    """Offer the thread to a queue; it comes back to the bot when nobody accepts in time."""
    owner = Offered(queue=queue or settings.queue, since=draft.now, reason=reason)
    change_owner(draft, owner, by=by, reason=reason)
    expires = OfferExpired(epoch=draft.state.epoch)
    draft.set_timer(expires, due=draft.now + settings.offer_timeout)


def accept(draft: Draft, by: ByAgent, *, takeover: bool) -> bool:
    """Let an agent own the thread; False (and the outcome says why) when it is not to be had."""
    owner = draft.state.owner
    if isinstance(owner, OwnedByAgent):
        if owner.agent != by.agent:
            draft.outcome = Rejected(reason="another agent owns this thread", winner=owner.name)
        return False
    if isinstance(owner, OwnedByBot) and not takeover:
        draft.outcome = Rejected(reason="this thread is not offered; take it over instead")
        return False
    reason = "agent_takeover" if isinstance(owner, OwnedByBot) else "agent_accept"
    owned = OwnedByAgent(agent=by.agent, name=by.name, since=draft.now)
    change_owner(draft, owned, by=by, reason=reason)
    return True


def owned_by(draft: Draft, by: ByAgent) -> bool:
    """Whether this agent owns the thread; the outcome says who does if not."""
    owner = draft.state.owner
    if isinstance(owner, OwnedByAgent) and owner.agent == by.agent:
        return True
    winner = owner.name if isinstance(owner, OwnedByAgent) else None
    draft.outcome = Rejected(reason="you do not own this thread", winner=winner)
    return False


def give_to_bot(draft: Draft, *, by: Actor, reason: str, note: str = "") -> None:
    """Let the bot answer from the next message on, with no misunderstanding left over."""
    change_owner(draft, OwnedByBot(), by=by, reason=reason, note=note)
