"""A link code came in on another channel: two identities become one customer (R3, R4)."""

from __future__ import annotations

from datetime import timedelta

from pydantic import SecretStr

from bot.hub import episodes
from bot.hub.forms import Forms
from bot.hub.linking import CodeSeen, hash_code
from bot.hub.router import Line, open_question
from bot.hub.scene import Scene
from bot.hub.settings import HubSettings
from bot.model.ids import LinkId
from bot.model.people import BySystem, ChannelIdentity, Link, LinkCode, Proof
from bot.model.record import Turn
from bot.model.thread import (
    DialogueMoved,
    EpisodeChanged,
    JourneyMoved,
    Linked,
    LinkRefused,
    MessageIn,
    OwnedByBot,
    OwnerChanged,
    Phase,
    ThreadState,
)
from bot.ports import Store

_WINDOW = timedelta(hours=1)


class Joining:
    """Redeems link codes."""

    def __init__(
        self, *, store: Store, forms: Forms, settings: HubSettings, key: SecretStr
    ) -> None:
        self._store = store
        self._key = key
        self._forms = forms
        self._settings = settings

    async def redeem(self, scene: Scene, seen: CodeSeen, message: MessageIn | None) -> bool:
        """Use a code; False when the message is not one after all and wants an ordinary answer.

        Wrong, used, expired and foreign codes get one and the same answer and link nothing.
        """
        code = await self._valid(scene, seen)
        if code is None and not seen.certain:
            return False
        if code is None:
            self._hear(scene, message)
            scene.draft.add(LinkRefused(reason="not a valid code here"), by=BySystem())
            scene.notice(Line(slot="link.refused"), rule="link.refused")
            return True
        source = await self._store.identity(code.source)
        if source is None:
            return False
        other = await self._store.turn(source.thread)
        if other.state.thread == scene.draft.state.thread:
            self._hear(scene, message)
            scene.draft.use_code(code.hash)
        else:
            self._join(scene, other, code, message)
        self._confirm(scene, other.identity(code.source) or source)
        return True

    async def _valid(self, scene: Scene, seen: CodeSeen) -> LinkCode | None:
        now, identity = scene.draft.now, scene.identity
        tries = await self._store.count_attempt(f"link:{identity.id}", now=now, window=_WINDOW)
        if tries > self._settings.link_tries:
            return None
        code = await self._store.code(hash_code(seen.code, key=self._key), now=now)
        if code is None or code.channel != identity.address.channel:
            return None
        return None if code.source == identity.id else code

    def _hear(self, scene: Scene, message: MessageIn | None) -> None:
        if message is not None:
            scene.draft.add(message, by=scene.customer)
            episodes.touch(scene.draft, self._settings, by=BySystem())

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
        if message is not None:
            draft.add(message, by=scene.customer)
        linked = Linked(link=link.id, one=link.one, other=link.other, proof=link.proof)
        draft.add(linked, by=scene.customer)
        _pin(scene, other.state, before)
        episodes.touch(draft, self._settings, by=BySystem())

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


def _pin(scene: Scene, into: ThreadState, absorbed: ThreadState) -> None:
    """Say what holds now in entries of its own.

    Older entries of the absorbed thread lie between the others; a state rebuilt from all of them
    must come out the same.
    """
    draft, system = scene.draft, BySystem()
    takes_over = not isinstance(absorbed.owner, OwnedByBot) and isinstance(into.owner, OwnedByBot)
    draft.add(
        OwnerChanged(
            owner=absorbed.owner if takes_over else into.owner,
            epoch=max(into.epoch, absorbed.epoch) + takes_over,
            reason="linked",
        ),
        by=system,
    )
    draft.add(
        DialogueMoved(dialogue=draft.state.dialogue, language=into.language or absorbed.language),
        by=system,
    )
    if absorbed.episode and absorbed.episode.phase is not Phase.RESOLVED:
        episodes.move(draft, absorbed.episode, Phase.RESOLVED, by=system, reason="linked")
    if into.episode:
        draft.add(
            EpisodeChanged(
                episode=into.episode.id,
                phase=into.episode.phase,
                opened_at=into.episode.opened_at,
                reason="linked",
            ),
            by=system,
        )
    belief = into.belief or absorbed.belief
    if belief:
        draft.add(JourneyMoved(belief=belief, evidence="linked"), by=system)
