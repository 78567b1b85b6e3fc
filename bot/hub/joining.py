"""A link code came in on another channel: two identities become one customer (R3, R4)."""

from __future__ import annotations

from collections import OrderedDict
from datetime import timedelta

from pydantic import SecretStr

from bot.hub import episodes, owning
from bot.hub.draft import Draft
from bot.hub.forms import Forms
from bot.hub.linking import CodeSeen, hash_code
from bot.hub.router import Line, open_question
from bot.hub.scene import Scene
from bot.hub.settings import HubSettings
from bot.model.ids import EventId, LinkId
from bot.model.people import BySystem, ChannelIdentity, Link, LinkCode, Proof
from bot.model.record import Turn
from bot.model.thread import (
    ConversationStarted,
    DialogueMoved,
    FormPosition,
    JourneyMoved,
    Linked,
    LinkRefused,
    MessageIn,
    OwnedByBot,
    OwnerChanged,
    ThreadState,
)
from bot.ports import Store

_WINDOW = timedelta(hours=1)
_REMEMBERED = 1000
# When two threads become one, who speaks in the one that weighs more goes on speaking.
_WEIGHT = {"bot": 0, "offered": 1, "agent": 2, "none": 3}


class Joining:
    """Redeems link codes."""

    def __init__(
        self, *, store: Store, forms: Forms, settings: HubSettings, key: SecretStr
    ) -> None:
        self._store = store
        self._key = key
        self._forms = forms
        self._settings = settings
        self._tried: OrderedDict[EventId, int] = OrderedDict()

    async def redeem(self, scene: Scene, seen: CodeSeen, message: MessageIn | None) -> bool:
        """Use a code; False when the message is not one after all and wants an ordinary answer.

        Wrong, used, expired and foreign codes get one and the same answer and link nothing.
        """
        code = await self._valid(scene, seen)
        if code is None and not seen.certain:
            return False
        if code is None:
            self._hear(scene, message)
            episodes.touch(scene.draft, self._settings, by=BySystem())
            scene.draft.add(LinkRefused(reason="not a valid code here"), by=BySystem())
            scene.notice(Line(slot="link.refused"), rule="link.refused")
            return True
        source = await self._store.identity(code.source)
        if source is None:
            return False
        other = await self._store.turn(source.thread)
        if other.state.thread == scene.draft.state.thread:
            self._hear(scene, message)
            episodes.touch(scene.draft, self._settings, by=BySystem())
            scene.draft.use_code(code.hash)
        else:
            self._join(scene, other, code, message)
        self._confirm(scene, other.identity(code.source) or source)
        return True

    async def _valid(self, scene: Scene, seen: CodeSeen) -> LinkCode | None:
        now, identity = scene.draft.now, scene.identity
        if await self._tries(scene) > self._settings.link_tries:
            return None
        code = await self._store.code(hash_code(seen.code, key=self._key), now=now)
        here = (identity.address.channel, identity.address.account)
        if code is None or (code.channel, code.account) != here:
            return None
        return None if code.source == identity.id else code

    async def _tries(self, scene: Scene) -> int:
        """How many codes this identity tried within the hour; an event made anew counts once."""
        event = scene.draft.event.id
        if event not in self._tried:
            self._tried[event] = await self._store.count_attempt(
                f"link:{scene.identity.id}", now=scene.draft.now, window=_WINDOW
            )
        while len(self._tried) > _REMEMBERED:
            self._tried.popitem(last=False)
        return self._tried[event]

    def _hear(self, scene: Scene, message: MessageIn | None) -> None:
        """What the customer did: wrote the code, or came by a link that holds it."""
        came = ConversationStarted(source="link_code")
        scene.draft.add(message or came, by=scene.customer)

    def _join(self, scene: Scene, other: Turn, code: LinkCode, message: MessageIn | None) -> None:
        draft, before = scene.draft, scene.draft.state
        link = Link(
            id=LinkId.of(code.source, scene.identity.id, code.hash),
            one=code.source,
            other=scene.identity.id,
            proof=Proof.CODE,
            proof_id=code.hash,
            at=draft.now,
        )
        draft.absorb(_with_history(other.state, before), link=link, code=code.hash)
        self._hear(scene, message)
        linked = Linked(link=link.id, one=link.one, other=link.other, proof=link.proof)
        draft.add(linked, by=scene.customer)
        _pin(draft, other.state, before)
        cases = (other.state.episode, before.episode)
        episodes.join(draft, self._settings, cases, by=BySystem())
        # The epoch may have moved: the timer of an offer counts under its own only.
        owning.expire_later(draft, self._settings)

    def _confirm(self, scene: Scene, source: ChannelIdentity) -> None:
        lines = [Line(slot="link.done")]
        question = open_question(self._forms, scene.draft.state.dialogue)
        if question and isinstance(scene.draft.state.owner, OwnedByBot):
            lines.append(question)
        scene.notice(*lines, rule="link.done")
        scene.notice(Line(slot="link.notice"), rule="link.notice", to=source)


def _with_history(into: ThreadState, absorbed: ThreadState) -> ThreadState:
    known = {last.identity for last in into.last_inbound}
    more = [last for last in absorbed.last_inbound if last.identity not in known]
    merged = sorted([*into.last_inbound, *more], key=lambda last: last.identity)
    return into.model_copy(update={"last_inbound": tuple(merged)})


def _pin(draft: Draft, into: ThreadState, absorbed: ThreadState) -> None:
    """Say what holds now in entries of its own.

    Older entries of the absorbed thread lie between the others; a state rebuilt from all of them
    must come out the same.
    """
    system = BySystem()
    owner = max(into.owner, absorbed.owner, key=lambda one: _WEIGHT[one.kind])
    # What the bot had still to send in either thread is void once somebody else speaks.
    raised = not isinstance(owner, OwnedByBot)
    epoch = max(into.epoch, absorbed.epoch) + raised
    draft.add(OwnerChanged(owner=owner, epoch=epoch, reason="linked"), by=system)
    dialogue = draft.state.dialogue
    form = absorbed.dialogue.form
    if dialogue.form is None and form is not None:
        # Asked anew: whoever showed the code may not hear what was said elsewhere before (R5, R6).
        again = FormPosition(form=form.form, step=form.step)
        dialogue = dialogue.model_copy(update={"form": again})
    language = into.language or absorbed.language
    draft.add(DialogueMoved(dialogue=dialogue, language=language), by=system)
    belief = into.belief or absorbed.belief
    if belief:
        draft.add(JourneyMoved(belief=belief, evidence="linked"), by=system)
