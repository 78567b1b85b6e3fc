"""Who may speak: the owner axis and its epoch (every change raises it)."""

from __future__ import annotations

from collections.abc import Iterable

from bot.hub.draft import Draft
from bot.hub.settings import HubSettings
from bot.model.dialogue import Dialogue
from bot.model.event import OfferExpired, Rejected
from bot.model.ids import AgentId, IdentityId
from bot.model.people import Actor, ByAgent, BySystem, ChannelIdentity
from bot.model.thread import DialogueMoved, Offered, OwnedByAgent, OwnedByBot, Owner, OwnerChanged


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
    expire_later(draft, settings)


def expire_later(
    draft: Draft, settings: HubSettings, *, identity: IdentityId | None = None
) -> None:
    """If the thread (of this identity) is offered, have the offer end if nobody accepts in time."""
    state = draft.state_of(identity or draft.event.identity)
    if isinstance(state.owner, Offered):
        expires = OfferExpired(epoch=state.epoch)
        due = draft.now + settings.offer_timeout
        draft.set_timer(expires, key=str(expires.epoch), due=due, identity=identity)


def accept(
    draft: Draft, by: ByAgent, *, takeover: bool, natives: frozenset[AgentId] = frozenset()
) -> bool:
    """Let an agent own the thread; False (and the outcome says why) when it is not to be had.

    `natives` are those who answer from providers' own apps: they do not look here, and yield.
    """
    owner = draft.state.owner
    if isinstance(owner, OwnedByAgent) and owner.agent not in natives:
        if owner.agent != by.agent:
            draft.outcome = Rejected(reason="another agent owns this thread", winner=owner.name)
        return False
    if isinstance(owner, OwnedByBot) and not takeover:
        draft.outcome = Rejected(reason="this thread is not offered; take it over instead")
        return False
    reason = "agent_accept" if isinstance(owner, Offered) else "agent_takeover"
    owned = OwnedByAgent(agent=by.agent, name=by.name, since=draft.now)
    change_owner(draft, owned, by=by, reason=reason)
    return True


def owned_by(draft: Draft, by: ByAgent, *, natives: frozenset[AgentId] = frozenset()) -> bool:
    """Whether this agent owns the thread or a native app does; the outcome says who if not."""
    owner = draft.state.owner
    if isinstance(owner, OwnedByAgent) and owner.agent in {by.agent, *natives}:
        return True
    winner = owner.name if isinstance(owner, OwnedByAgent) else None
    draft.outcome = Rejected(reason="you do not own this thread", winner=winner)
    return False


def give_to_bot(
    draft: Draft, *, by: Actor, reason: str, note: str = "", afresh: bool = False
) -> None:
    """Let the bot answer from the next message on, with no misunderstanding left over.

    `afresh`: a human has dealt with it, so that what the bot was asking is not asked any more.
    """
    change_owner(draft, OwnedByBot(), by=by, reason=reason, note=note)
    begin_anew(draft, afresh=afresh)


def begin_anew(draft: Draft, *, afresh: bool) -> None:
    """Leave no misunderstanding over, and `afresh` nothing that the bot was asking either."""
    known = draft.state.dialogue
    form = known.form.model_copy(update={"misses": 0}) if known.form and not afresh else None
    dialogue = Dialogue(form=form, choices=known.choices)
    if dialogue != known:
        draft.add(DialogueMoved(dialogue=dialogue), by=BySystem())


def take_back(draft: Draft, settings: HubSettings, *, natives: frozenset[AgentId]) -> None:
    """The customer writes: the bot answers if whoever did in a provider's app has gone quiet."""
    owner = draft.state.owner
    if not isinstance(owner, OwnedByAgent) or owner.agent not in natives:
        return
    if draft.now - owner.since > settings.native_grace:
        give_to_bot(draft, by=BySystem(), reason="native_app_quiet", afresh=True)


def native_agent(channel: str, account: str) -> AgentId:
    """Whoever answers from the provider's own app; we do not know who."""
    return AgentId.of("native", channel, account)


def natives(identities: Iterable[ChannelIdentity]) -> frozenset[AgentId]:
    """Those who may answer these identities from providers' own apps."""
    return frozenset(
        native_agent(identity.address.channel, identity.address.account) for identity in identities
    )
