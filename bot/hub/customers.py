"""What customers do, and what the hub answers."""

from __future__ import annotations

from datetime import datetime

from bot.hub import episodes, owning, queueing
from bot.hub.claims import claim_fact, claims_in
from bot.hub.hearing import Hearing, Spoken
from bot.hub.linked import LinkedChannels
from bot.hub.linking import code_in
from bot.hub.pieces import Pieces
from bot.hub.reviewing import for_review
from bot.hub.router import UNSURE, Heard, Line, Router
from bot.hub.scene import Scene
from bot.hub.settings import HubSettings
from bot.model.channel import (
    Deleted,
    Echo,
    Edited,
    HelpKeyword,
    IdentityChanged,
    Inbound,
    OptIn,
    OptOut,
    Reacted,
    Referral,
    Started,
    Unsupported,
)
from bot.model.event import (
    CustomerEnds,
    CustomerLeavesQueue,
    IdentityJoined,
    LoginSeen,
    PiecesOverdue,
    Rejected,
    VisitorSeen,
)
from bot.model.people import ByBot, BySystem
from bot.model.record import Span
from bot.model.thread import (
    ConsentChanged,
    ConversationStarted,
    DialogueMoved,
    EchoOut,
    MessageDeleted,
    MessageEdited,
    MessageIn,
    MessageOut,
    Note,
    Offered,
    OwnedByAgent,
    OwnedByBot,
    Phase,
    Reaction,
    SendStatus,
    ThreadState,
    UnsupportedIn,
)
from bot.model.understanding import Language, Understanding
from bot.ports import Store

_SWITCH_WORDS = 3
_SWITCH_AT = 0.85
_FIRST_AT = 0.6
_ECHOED = 50
_ENDED = "customer_ended"
_PART = 40
_AWAITED = frozenset({SendStatus.QUEUED, SendStatus.SENDING, SendStatus.UNKNOWN})
_UNREAD = Understanding(
    language=None, language_confidence=0, guesses=(), scope=0, in_scope=False, stages=()
)

# Events that leave a fact in the thread and ask for little more.
Fact = OptOut | OptIn | Edited | Deleted | Reacted | Unsupported | HelpKeyword | IdentityChanged
# Events that made an identity; nobody said anything.
Sight = LoginSeen | VisitorSeen
CustomerEvent = (
    Inbound
    | Started
    | Referral
    | Echo
    | CustomerLeavesQueue
    | CustomerEnds
    | IdentityJoined
    | PiecesOverdue
    | Sight
    | Fact
)


class Customers:
    """Handles every event that comes from the customer's side."""

    def __init__(
        self,
        *,
        store: Store,
        hearing: Hearing,
        linked: LinkedChannels,
        router: Router,
        settings: HubSettings,
    ) -> None:
        self._store = store
        self._pieces = Pieces(store)
        self._hearing = hearing
        self._linked = linked
        self._router = router
        self._settings = settings

    async def handle(self, scene: Scene, body: CustomerEvent) -> None:
        """Put what the event does into the scene's draft."""
        match body:
            case Inbound() | PiecesOverdue():
                whole = await self._pieces.whole(scene, body)
                if whole is not None:
                    await self._inbound(scene, whole)
            case Started():
                await self._started(scene, body)
            case Referral():
                await self._referral(scene, body)
            case Echo():
                await self._echo(scene, body)
            case CustomerLeavesQueue():
                self._leaves_queue(scene)
            case CustomerEnds():
                self._ends(scene)
            case LoginSeen() | VisitorSeen():
                pass
            case IdentityJoined(link=link):
                await self._linked.joined(scene, link)
            case _:
                self._note(scene, body)

    # --- messages ----------------------------------------------------------------------------

    async def _inbound(self, scene: Scene, body: Inbound) -> None:
        seen = code_in(body.text)
        if seen and await self._linked.redeem(scene, seen, _message(body, None)):
            return
        if await self._linked.answer(scene, _message(body, None)):
            return
        self._take_back(scene)
        draft, hearing, before = scene.draft, self._hearing, scene.draft.state
        read = await hearing.read(body.text, before)
        spoken = hearing.speaker(draft, read)
        message = _message(body, read, spoken)
        said = draft.add(message, by=scene.customer)
        self._keep_claims(scene, read)
        sure = spoken.sure.persona if spoken.sure else None
        episodes.touch(draft, self._settings, by=BySystem(), facet=sure)
        hearing.settle(draft, spoken)
        among = [identity.id for identity in scene.identities]
        await hearing.move_journey(draft, read, spoken, among)
        language = self._language(scene, body, read)
        if isinstance(before.owner, OwnedByBot):
            heard = Heard(message=message, understanding=read or _UNREAD, dialogue=before.dialogue)
            rule = self._answer(scene, heard, language)
            if rule in UNSURE and body.text.strip():
                draft.keep(for_review(said.id, read, of=scene.identity.id, at=draft.now))
            return
        if language:
            self._move_dialogue(scene, language=language)
        if isinstance(before.owner, Offered) and not _wrote_since(before, before.owner.since):
            await self._tell_place(scene)

    async def _tell_place(self, scene: Scene) -> None:
        place = await queueing.place_of(scene.draft.state, self._store)
        known = place is not None and place <= queueing.COUNTED
        variables = (("handoff.position", str(place)),) if known else ()
        scene.notice(Line(slot="handoff.position", variables=variables), rule="handoff.position")

    def _keep_claims(self, scene: Scene, read: Understanding | None) -> None:
        """What somebody says is theirs, in words of their own."""
        if read is None:
            return
        for claim in claims_in(read, region=self._settings.phone_region):
            scene.draft.keep(claim_fact(claim, of=scene.identity.id, at=scene.draft.now))

    def _take_back(self, scene: Scene) -> None:
        owning.take_back(scene.draft, self._settings, natives=owning.natives(scene.identities))

    def _answer(self, scene: Scene, heard: Heard, language: Language | None) -> str:
        """Say what is planned, or hand over; returns the rule that decided."""
        draft, plan = scene.draft, self._router.route(heard)
        if plan.dialogue != draft.state.dialogue or language:
            draft.add(DialogueMoved(dialogue=plan.dialogue, language=language), by=ByBot())
        if plan.handoff is None:
            scene.bot_says(plan.lines, rule=plan.rule, need=heard.understanding.need)
            return plan.rule
        owning.offer(draft, self._settings, by=ByBot(), reason=plan.handoff)
        scene.notice(*plan.lines, rule=plan.rule)
        return plan.rule

    def _move_dialogue(self, scene: Scene, *, language: Language) -> None:
        moved = DialogueMoved(dialogue=scene.draft.state.dialogue, language=language)
        scene.draft.add(moved, by=BySystem())

    def _language(self, scene: Scene, body: Inbound, read: Understanding | None) -> Language | None:
        """The language to speak from now on when it is another one than before, else None."""
        known = scene.draft.state.language
        if read is None or read.language is None or read.language == known:
            return None
        if known is None:
            return read.language if read.language_confidence >= _FIRST_AT else None
        long_enough = len(body.text.split()) >= _SWITCH_WORDS
        sure = read.language_confidence >= _SWITCH_AT
        return read.language if long_enough and sure else None

    # --- arrivals ----------------------------------------------------------------------------

    async def _started(self, scene: Scene, body: Started) -> None:
        if await self._came_by_code(scene, body.ref):
            return
        self._take_back(scene)
        scene.draft.add(ConversationStarted(ref=body.ref), by=scene.customer)
        episodes.touch(scene.draft, self._settings, by=BySystem())
        if isinstance(scene.draft.state.owner, OwnedByBot):
            scene.bot_says((Line(slot="answer.greet"),), rule="started")

    async def _referral(self, scene: Scene, body: Referral) -> None:
        if await self._came_by_code(scene, body.ref):
            return
        started = ConversationStarted(ref=body.ref, source=body.source)
        scene.draft.add(started, by=scene.customer)

    async def _came_by_code(self, scene: Scene, ref: str | None) -> bool:
        seen = code_in(ref) if ref else None
        return bool(seen and await self._linked.redeem(scene, seen, None))

    # --- other -------------------------------------------------------------------------------

    async def _echo(self, scene: Scene, body: Echo) -> None:
        address = scene.identity.address
        if await self._is_ours(scene, body):
            return
        echo = EchoOut(external_id=body.external_id, text=body.text, attachments=body.attachments)
        scene.draft.add(echo, by=BySystem())
        owner = scene.draft.state.owner
        if isinstance(owner, OwnedByAgent) and owner.agent not in owning.natives(scene.identities):
            return
        # Also when the app owns the thread already: its time runs from the latest answer.
        native = OwnedByAgent(
            agent=owning.native_agent(address.channel, address.account),
            name=address.channel,
            since=scene.draft.now,
        )
        owning.change_owner(scene.draft, native, by=BySystem(), reason="answered_in_native_app")

    async def _is_ours(self, scene: Scene, body: Echo) -> bool:
        """Whether the echo is of a message of ours; one of a part has the part's text."""
        address = scene.identity.address
        if await self._store.sent_part(
            channel=address.channel, account=address.account, external_id=body.external_id
        ):
            return True
        # The echo may overtake the answer to our own call, or be all that comes of a lost one.
        spans = [Span(identity=scene.identity.id)]
        latest = await self._store.entries(spans, limit=_ECHOED, newest=True)
        told = [
            entry.body.send
            for entry in latest
            if isinstance(entry.body, MessageOut) and _echoes(body, entry.body)
        ]
        states = await self._store.sends(told) if told else []
        return any(state.status in _AWAITED and state.tries for state in states)

    def _leaves_queue(self, scene: Scene) -> None:
        if not isinstance(scene.draft.state.owner, Offered):
            scene.draft.outcome = Rejected(reason="nobody is being waited for")
            return
        owning.give_to_bot(scene.draft, by=scene.customer, reason="customer_cancel")
        again = self._router.resumed(scene.draft.state.dialogue)
        scene.notice(Line(slot="handoff.cancelled"), *again, rule="handoff.cancelled")

    def _ends(self, scene: Scene) -> None:
        draft, customer = scene.draft, scene.customer
        episode, owner = draft.state.episode, draft.state.owner
        if episode is not None and not episode.phase.over:
            episodes.move(draft, episode, Phase.RESOLVED, by=customer, reason=_ENDED)
        if isinstance(owner, Offered | OwnedByAgent):
            owning.give_to_bot(draft, by=customer, reason=_ENDED, afresh=True)
        else:
            owning.begin_anew(draft, afresh=True)

    def _note(self, scene: Scene, body: Fact) -> None:
        draft, customer = scene.draft, scene.customer
        match body:
            case OptOut() | OptIn():
                out = isinstance(body, OptOut)
                draft.add(ConsentChanged(opted_out=out, source=body.source), by=customer)
                if body.confirm:
                    slot = "optout.confirmed" if out else "optin.confirmed"
                    scene.notice(Line(slot=slot), rule=slot)
            case Edited():
                edit = MessageEdited(external_id=body.external_id, text=body.text)
                draft.add(edit, by=BySystem() if body.ours else customer)
            case Deleted():
                gone = MessageDeleted(external_id=body.external_id)
                draft.add(gone, by=BySystem() if body.ours else customer)
            case Reacted():
                reaction = Reaction(external_id=body.external_id, emoji=body.emoji)
                draft.add(reaction, by=customer)
            case Unsupported():
                self._take_back(scene)
                unseen = UnsupportedIn(what=body.what, external_id=body.external_id)
                draft.add(unseen, by=customer)
                episodes.touch(draft, self._settings, by=BySystem())
                if isinstance(draft.state.owner, OwnedByBot):
                    scene.bot_says((Line(slot="unsupported.received"),), rule="unsupported")
            case HelpKeyword():
                # The provider answers; where it does not, an `Inbound` of the same message comes.
                draft.add(Note(text="help keyword"), by=BySystem())
            case IdentityChanged():
                where = body.new_identity and f"reached at {body.new_identity} from now on"
                draft.add(Note(text=where or "the security code has changed"), by=BySystem())


def _wrote_since(state: ThreadState, since: datetime) -> bool:
    return any(last.at > since for last in state.last_inbound)


def _echoes(echo: Echo, out: MessageOut) -> bool:
    """Whether this could be that message or a part of it; providers trim what they show."""
    said, ours = _plain(echo.text), _plain(out.text)
    if not said:
        return bool(echo.attachments and out.attachments)
    # Short words are in many texts: a person's "ok" is no part of one of ours.
    return said == ours or (len(said) >= _PART and said in ours)


def _plain(text: str) -> str:
    return " ".join(text.split())


def _message(body: Inbound, read: Understanding | None, spoken: Spoken | None = None) -> MessageIn:
    return MessageIn(
        external_id=body.external_id,
        text=body.text,
        attachments=body.attachments,
        press=body.press,
        reply_to=body.reply_to,
        provider_at=body.at,
        incomplete=body.incomplete,
        understanding=read,
        facet=spoken.facet if read and spoken else None,
    )
