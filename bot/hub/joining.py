"""Two identities become one customer: on a code, a signed log-in, or an agent's word (R2)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import structlog
from pydantic import SecretStr

from bot.hub import episodes, owning
from bot.hub.draft import Draft
from bot.hub.fold import fold
from bot.hub.forms import Forms
from bot.hub.link_question import LinkQuestion
from bot.hub.linking import Answered, CodeSeen, hash_code
from bot.hub.news import News
from bot.hub.round_trip import RoundTrip
from bot.hub.router import Line, open_question
from bot.hub.scene import Scene
from bot.hub.settings import HubSettings
from bot.hub.tries import Tries
from bot.hub.whereabouts import told_of
from bot.model.channel import LOGIN
from bot.model.dialogue import FormPosition
from bot.model.event import AgentLinks, ConflictSeen, Rejected, SignedIn
from bot.model.ids import IdentityId, LinkId
from bot.model.people import (
    Actor,
    BySystem,
    ChannelIdentity,
    Link,
    LinkCode,
    Proof,
)
from bot.model.record import Span, Turn
from bot.model.thread import (
    ConversationStarted,
    DialogueMoved,
    JourneyMoved,
    Linked,
    LinkRefused,
    MessageIn,
    OwnedByBot,
    OwnerChanged,
    ThreadState,
)
from bot.ports import Store

log = structlog.get_logger("samtal.joining")

_WINDOW = timedelta(hours=1)
MONTH = timedelta(days=30)
NOT_VALID = "not a valid code here"
TWO_LOGINS = "signed in as two different customers"
# Among so many entries is the last message, and where the customer was last.
_LATEST = 100
# When two threads become one, who speaks in the one that weighs more goes on speaking.
_CAME = ConversationStarted(source="link_code")
_WEIGHT = {"bot": 0, "offered": 1, "agent": 2, "none": 3}


class Joining:
    """Makes links."""

    def __init__(  # noqa: PLR0913 - what it stands on
        self,
        *,
        store: Store,
        forms: Forms,
        question: LinkQuestion,
        round_trip: RoundTrip,
        tries: Tries,
        news: News,
        settings: HubSettings,
        key: SecretStr,
    ) -> None:
        self._store = store
        self._question = question
        self._round_trip = round_trip
        self._tries = tries
        self._news = news
        self._key = key
        self._forms = forms
        self._settings = settings

    # --- codes -------------------------------------------------------------------------------

    async def redeem(self, scene: Scene, seen: CodeSeen, message: MessageIn | None) -> bool:
        """Use a code; False when the message is not one after all and wants an ordinary answer.

        Wrong, used, expired and foreign codes get one and the same answer and link nothing; so
        does one that would make one customer of two log-ins (R13), or one too many (R11). One from
        where senders can be made up links nothing yet: see `RoundTrip`.
        """
        code = await self._valid(scene, seen)
        if code is None and not seen.certain:
            return False
        source = None if code is None else await self._store.identity(code.source)
        if code is None or source is None:
            self._refuse(scene, message, reason=NOT_VALID)
            return True
        other = await self._store.turn(source.thread)
        weak = code.proof is Proof.CODE and self._question.is_weak(scene.identity)
        if weak and other.state.thread != scene.draft.state.thread:
            await self._round_trip.ask(scene, code, message or _CAME, language=other.state.language)
            return True
        vouched = source.id if code.proof is Proof.OTP else scene.identity.id
        known = other.state if code.proof is Proof.OTP else scene.draft.state
        asked = vouched if known.wrote_at(vouched) else None
        await self._complete(scene, code, (source, other), message=message, asked=asked)
        return True

    async def answer(self, scene: Scene, said: Answered, message: MessageIn) -> bool:
        """Take an answer to the number that was sent; False when none is waited for."""
        waiting = await self._round_trip.waiting(scene)
        if not waiting:
            return False
        meant = await self._round_trip.meant(scene, said, waiting, message)
        if meant is None:
            return True
        source = await self._store.identity(meant.code.source)
        if source is None:
            self._refuse(scene, message, reason=NOT_VALID)
            return True
        other = await self._store.turn(source.thread)
        asked = scene.identity.id if meant.older else None
        await self._complete(scene, meant.code, (source, other), message=message, asked=asked)
        return True

    async def _complete(
        self,
        scene: Scene,
        code: LinkCode,
        there: tuple[ChannelIdentity, Turn],
        *,
        message: MessageIn | None,
        asked: IdentityId | None,
    ) -> None:
        """Join where the code was shown with who has proven to have it, or say why not."""
        source, other = there
        link = _link(scene, code.source, code.proof, proof_id=code.hash)
        if other.state.thread == scene.draft.state.thread:
            self._hear(scene, message)
            episodes.touch(scene.draft, self._settings, by=BySystem())
            scene.draft.use_code(code.hash)
        elif (reason := await self._objection(scene, other, source, proof=link.proof)) is not None:
            self._refuse(scene, message, reason=reason, other=source.id)
            return
        else:
            link = link.model_copy(update={"asked": asked})
            self._join(scene, other, link, message=message, code=code.hash)
        await self._confirm(scene, source, link)

    def _refuse(
        self,
        scene: Scene,
        message: MessageIn | None,
        *,
        reason: str,
        other: IdentityId | None = None,
    ) -> None:
        self._hear(scene, message)
        episodes.touch(scene.draft, self._settings, by=BySystem())
        _keep_refusal(scene, reason=reason, other=other, by=BySystem())
        scene.notice(Line(slot="link.refused"), rule="link.refused")

    async def _valid(self, scene: Scene, seen: CodeSeen) -> LinkCode | None:
        now, identity = scene.draft.now, scene.identity
        if (
            await self._tries.count(scene, f"link:{identity.id}", _WINDOW)
            > self._settings.link_tries
        ):
            return None
        code = await self._store.code(hash_code(seen.code, key=self._key), now=now)
        here = (identity.address.channel, identity.address.account)
        if code is None or (code.channel, code.account) != here:
            return None
        if code.only is not None and code.only != identity.id:
            return None
        return None if code.source == identity.id else code

    def _hear(self, scene: Scene, message: MessageIn | None) -> None:
        """What the customer did: wrote the code, or came by a link that holds it."""
        scene.draft.add(message or _CAME, by=scene.customer)

    async def _confirm(self, scene: Scene, source: ChannelIdentity, link: Link) -> None:
        """Tell both sides; one of them may be asked whether what is older may be shown (R5)."""
        here, there = [Line(slot="link.done")], [Line(slot="link.notice")]
        number = None
        if link.asked is not None:
            to, lines = (source, there) if link.asked == source.id else (scene.identity, here)
            number = self._question.number(link, to)
            lines.append(await self._question.line(link, number))
        question = open_question(self._forms, scene.draft.state.dialogue)
        if question and isinstance(scene.draft.state.owner, OwnedByBot):
            here.append(question)
        scene.notice(*here, rule="link.done", secret=number)
        scene.notice(*there, rule="link.notice", to=source, secret=number)

    # --- signed log-ins and agents -----------------------------------------------------------

    async def sign_in(self, scene: Scene, body: SignedIn) -> None:
        """The visitor is at this log-in: from here on the thread is that customer's (L4)."""
        link = _link(scene, body.login, Proof.SIGNED, proof_id=body.token)
        others = await self._vouched(scene, link)
        if not others:
            return
        where = () if body.shown is None else told_of(body.shown)
        line = Line(slot="link.signed_in", variables=where)
        self._news.tell(scene, (*scene.identities, *others), line)

    async def link_by_agent(self, scene: Scene, body: AgentLinks) -> None:
        """An agent vouches for it, with a reason."""
        link = _link(scene, body.into, Proof.AGENT, proof_id=str(scene.draft.event.id))
        vouched = link.model_copy(update={"by": body.by, "reason": body.reason})
        await self._vouched(scene, vouched)

    async def _vouched(self, scene: Scene, link: Link) -> tuple[ChannelIdentity, ...]:
        """Join the two; gives the identities that were another customer's until now."""
        source = await self._store.identity(link.one)
        if source is None or link.one == link.other:
            scene.draft.outcome = Rejected(reason="there is no such other identity")
            return ()
        other = await self._store.turn(source.thread)
        if other.state.thread == scene.draft.state.thread:
            await self._prove_again(scene, link)
            return ()
        objection = await self._objection(scene, other, source, proof=link.proof)
        if objection is not None:
            _keep_refusal(scene, reason=objection, other=source.id, by=link.by)
            scene.draft.outcome = Rejected(reason=objection)
            return ()
        self._join(scene, await self._latest(scene, other), link)
        if link.proof is Proof.AGENT:
            for end in (scene.identity, source):
                if end.reachable:
                    scene.notice(Line(slot="link.notice"), rule="link.notice", to=end)
        return other.identities

    async def _latest(self, scene: Scene, other: Turn) -> Turn:
        """The other thread as if what came last in either had come in it.

        A message that brings a code says that by itself.
        """
        spans = [Span(identity=one.id) for one in (*scene.identities, *other.identities)]
        newest = await self._store.entries(spans, limit=_LATEST, newest=True)
        last = fold(ThreadState(thread=other.state.thread), newest)
        known = {
            name: value
            for name in ("active", "last_at", "last_text")
            if (value := getattr(last, name))
        }
        return other.model_copy(update={"state": other.state.model_copy(update=known)})

    async def _prove_again(self, scene: Scene, link: Link) -> None:
        """They are one customer already: the same proof once more is kept once."""
        known = await self._store.links([link.one, link.other])
        if any(made.holds and made.link.proof is link.proof for made in known):
            return
        scene.draft.connect(link)
        scene.draft.add(_told(link), by=link.by)

    # --- both --------------------------------------------------------------------------------

    async def _objection(
        self, scene: Scene, other: Turn, source: ChannelIdentity, *, proof: Proof
    ) -> str | None:
        """Why these two must not become one customer, or None."""
        if has_two_logins((*scene.identities, *other.identities)):
            return TWO_LOGINS
        if proof is Proof.SIGNED:
            return None
        # A device or an address that many share proves nothing (R11).
        for end in (scene.identity, source):
            if end.address.channel == LOGIN:
                continue
            times = await self._tries.count(scene, links_key(end.id), MONTH)
            if end.phone is not None and times > self._settings.phone_links_a_month:
                return "phone linked too often"
            if times > self._settings.links_a_month:
                return "linked too often"
        return None

    def _join(
        self,
        scene: Scene,
        other: Turn,
        link: Link,
        *,
        message: MessageIn | None = None,
        code: str | None = None,
    ) -> None:
        draft, before = scene.draft, scene.draft.state
        draft.absorb(_with_history(other.state, before), link=link, code=code)
        if code is not None:
            self._hear(scene, message)
        draft.add(_told(link), by=link.by)
        with draft.holding(link.id):
            _pin(draft, other.state, before)
            cases = (other.state.episode, before.episode)
            heard = code is not None
            episodes.join(draft, self._settings, cases, by=BySystem(), heard=heard)
        # The epoch may have moved: the timer of an offer counts under its own only.
        owning.expire_later(draft, self._settings)


def has_two_logins(identities: Iterable[ChannelIdentity]) -> bool:
    """Whether these hold two log-ins of one realm, so cannot be one customer (R8, R13)."""
    logins: dict[str, set[str]] = {}
    for identity in identities:
        if identity.address.channel == LOGIN:
            logins.setdefault(identity.address.account, set()).add(identity.address.user)
    return any(len(users) > 1 for users in logins.values())


def links_key(identity: IdentityId) -> str:
    """What the links of an identity are counted under."""
    return f"linked:{identity}"


def _link(scene: Scene, one: IdentityId, proof: Proof, *, proof_id: str) -> Link:
    """The identity that the event is about, linked with another one, whose thread goes on."""
    other = scene.identity.id
    return Link(
        # The same proof may come again once the link it made has ended: that is another link.
        id=LinkId.of(one, other, proof_id, scene.draft.event.id),
        one=one,
        other=other,
        proof=proof,
        proof_id=proof_id,
        at=scene.draft.now,
        by=scene.customer,
    )


def _keep_refusal(scene: Scene, *, reason: str, other: IdentityId | None, by: Actor) -> None:
    """Keep why there is no link; of a conflict both threads are told, and whoever watches logs."""
    draft = scene.draft
    if reason != TWO_LOGINS or other is None:
        draft.add(LinkRefused(reason=reason), by=by)
        return
    log.warning("conflict of log-ins", thread=draft.state.thread, identity=scene.identity.id)
    draft.add(LinkRefused(reason=reason, other=other), by=by)
    seen = ConflictSeen(other=scene.identity.id, reason=reason)
    draft.set_timer(seen, key=str(draft.event.id), due=draft.now, identity=other)


def _told(link: Link) -> Linked:
    return Linked(
        link=link.id, one=link.one, other=link.other, proof=link.proof, reason=link.reason
    )


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
