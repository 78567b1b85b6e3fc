"""What customers do, and what the hub answers."""

from __future__ import annotations

from bot.hub import episodes, journey, owning
from bot.hub.forms import Forms
from bot.hub.joining import Joining
from bot.hub.linking import code_in
from bot.hub.router import Heard, Line, Plan, Router
from bot.hub.scene import Scene
from bot.hub.settings import HubSettings
from bot.model.channel import (
    Deleted,
    Echo,
    Edited,
    HelpKeyword,
    Inbound,
    OptIn,
    OptOut,
    Reacted,
    Referral,
    Started,
    Unsupported,
)
from bot.model.event import CustomerLeavesQueue, IdentityJoined, Rejected
from bot.model.ids import AgentId
from bot.model.people import ByBot, BySystem
from bot.model.thread import (
    ConsentChanged,
    ConversationStarted,
    DialogueMoved,
    EchoOut,
    JourneyMoved,
    Linked,
    MessageDeleted,
    MessageEdited,
    MessageIn,
    Offered,
    OwnedByAgent,
    OwnedByBot,
    Reaction,
    UnsupportedIn,
)
from bot.model.understanding import Language, Understanding, Utterance
from bot.ports import Nlu, Store

_SWITCH_WORDS = 3
_SWITCH_AT = 0.85
_FIRST_AT = 0.6
_UNREAD = Understanding(
    language=None, language_confidence=0, guesses=(), scope=0, in_scope=False, stages=()
)

# Events that leave a fact in the thread and ask for little more.
Fact = OptOut | OptIn | Edited | Deleted | Reacted | Unsupported | HelpKeyword | IdentityJoined
CustomerEvent = Inbound | Started | Referral | Echo | CustomerLeavesQueue | Fact


class Customers:
    """Handles every event that comes from the customer's side."""

    def __init__(
        self, *, store: Store, nlu: Nlu, forms: Forms, joining: Joining, settings: HubSettings
    ) -> None:
        self._store = store
        self._nlu = nlu
        self._joining = joining
        self._settings = settings
        self._router = Router(forms=forms, settings=settings)

    async def handle(self, scene: Scene, body: CustomerEvent) -> None:
        """Put what the event does into the scene's draft."""
        match body:
            case Inbound():
                await self._inbound(scene, body)
            case Started():
                await self._started(scene, body)
            case Referral():
                await self._referral(scene, body)
            case Echo():
                await self._echo(scene, body)
            case CustomerLeavesQueue():
                self._leaves_queue(scene)
            case _:
                self._note(scene, body)

    # --- messages ----------------------------------------------------------------------------

    async def _inbound(self, scene: Scene, body: Inbound) -> None:
        seen = code_in(body.text)
        if seen and await self._joining.redeem(scene, seen, _message(body, None)):
            return
        read = await self._read(scene, body)
        message = _message(body, read)
        dialogue = scene.draft.state.dialogue
        scene.draft.add(message, by=scene.customer)
        episodes.touch(scene.draft, self._settings, by=BySystem())
        self._move_journey(scene, read)
        language = self._language(scene, body, read)
        if isinstance(scene.draft.state.owner, OwnedByBot):
            heard = Heard(message=message, understanding=read or _UNREAD, dialogue=dialogue)
            self._answer(scene, self._router.route(heard), language)
        elif language:
            self._move_dialogue(scene, language=language)

    async def _read(self, scene: Scene, body: Inbound) -> Understanding | None:
        if not body.text.strip():
            return None
        utterance = Utterance(text=body.text, language=scene.draft.state.language)
        return (await self._nlu.read([utterance]))[0]

    def _answer(self, scene: Scene, plan: Plan, language: Language | None) -> None:
        draft = scene.draft
        # The router saw the dialogue as it was before this message; what the message itself
        # added (the latest intents) is kept.
        dialogue = plan.dialogue.model_copy(update={"recent": draft.state.dialogue.recent})
        if dialogue != draft.state.dialogue or language:
            draft.add(DialogueMoved(dialogue=dialogue, language=language), by=ByBot())
        if plan.handoff is None:
            scene.bot_says(plan.lines, rule=plan.rule)
            return
        owning.offer(draft, self._settings, by=ByBot(), reason=plan.handoff)
        scene.notice(*plan.lines, rule=plan.rule)

    def _move_dialogue(self, scene: Scene, *, language: Language) -> None:
        moved = DialogueMoved(dialogue=scene.draft.state.dialogue, language=language)
        scene.draft.add(moved, by=BySystem())

    def _move_journey(self, scene: Scene, read: Understanding | None) -> None:
        state, now = scene.draft.state, scene.draft.now
        if read is None:
            return
        belief = journey.update(
            state.belief,
            read,
            stages=self._settings.stages,
            idle=now - (state.belief_at or now),
        )
        if belief:
            scene.draft.add(
                JourneyMoved(belief=belief.shares, evidence=belief.evidence), by=BySystem()
            )

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
        return bool(seen and await self._joining.redeem(scene, seen, None))

    # --- other -------------------------------------------------------------------------------

    async def _echo(self, scene: Scene, body: Echo) -> None:
        address = scene.identity.address
        ours = await self._store.sent_part(
            channel=address.channel, account=address.account, external_id=body.external_id
        )
        # The echo may overtake the provider's answer to our own call.
        if ours or body.text in await self._store.sending_to(scene.identity.id):
            return
        echo = EchoOut(external_id=body.external_id, text=body.text, attachments=body.attachments)
        scene.draft.add(echo, by=BySystem())
        if not isinstance(scene.draft.state.owner, OwnedByAgent):
            owner = OwnedByAgent(
                agent=native_agent(address.channel, address.account),
                name=address.channel,
                since=scene.draft.now,
            )
            owning.change_owner(scene.draft, owner, by=BySystem(), reason="answered_in_native_app")

    def _leaves_queue(self, scene: Scene) -> None:
        if not isinstance(scene.draft.state.owner, Offered):
            scene.draft.outcome = Rejected(reason="nobody is being waited for")
            return
        owning.give_to_bot(scene.draft, by=scene.customer, reason="customer_cancel")
        scene.notice(Line(slot="handoff.cancelled"), rule="handoff.cancelled")

    def _note(self, scene: Scene, body: Fact) -> None:
        draft, customer = scene.draft, scene.customer
        match body:
            case OptOut() | OptIn():
                out = isinstance(body, OptOut)
                draft.add(ConsentChanged(opted_out=out, source=body.source), by=customer)
            case Edited():
                edit = MessageEdited(external_id=body.external_id, text=body.text)
                draft.add(edit, by=customer)
            case Deleted():
                draft.add(MessageDeleted(external_id=body.external_id), by=customer)
            case Reacted():
                reaction = Reaction(external_id=body.external_id, emoji=body.emoji)
                draft.add(reaction, by=customer)
            case Unsupported():
                unseen = UnsupportedIn(what=body.what, external_id=body.external_id)
                draft.add(unseen, by=customer)
                if isinstance(draft.state.owner, OwnedByBot):
                    scene.bot_says((Line(slot="unsupported.received"),), rule="unsupported")
            case HelpKeyword():
                scene.notice(Line(slot="help.keyword"), rule="help_keyword")
            case IdentityJoined(link=link):
                linked = Linked(link=link.id, one=link.one, other=link.other, proof=link.proof)
                draft.add(linked, by=BySystem())


def native_agent(channel: str, account: str) -> AgentId:
    """Whoever answers from the provider's own app; we do not know who."""
    return AgentId.of("native", channel, account)


def _message(body: Inbound, read: Understanding | None) -> MessageIn:
    return MessageIn(
        external_id=body.external_id,
        text=body.text,
        attachments=body.attachments,
        press=body.press,
        reply_to=body.reply_to,
        provider_at=body.at,
        incomplete=body.incomplete,
        understanding=read,
    )
