"""Links made and ended: signed log-ins, agents, and what customers say of their channels."""

from __future__ import annotations

from bot.hub import episodes
from bot.hub.joining import TWO_LOGINS, Joining, has_two_logins
from bot.hub.link_question import LinkQuestion
from bot.hub.linking import CodeSeen, LinkAnswer, Linking, answer_in
from bot.hub.news import News
from bot.hub.router import Line
from bot.hub.scene import Scene
from bot.hub.settings import HubSettings
from bot.hub.unlinking import Unlinking
from bot.hub.vouching import Vouching
from bot.hub.whereabouts import told_of
from bot.model.event import (
    AgentLinks,
    CodeAsked,
    ConflictSeen,
    DismissesSuggestion,
    ProposesLink,
    Rejected,
    SignedIn,
    Unlinks,
)
from bot.model.ids import IdentityId
from bot.model.people import BySystem, ChannelIdentity, Link, LinkMark, Mark, Proof
from bot.model.record import LinkMade
from bot.model.thread import (
    Linked,
    LinkProposed,
    LinkRefused,
    LinkRevealed,
    MessageIn,
    SuggestionDismissed,
)
from bot.ports import Store

LinkEvent = (
    SignedIn | AgentLinks | ProposesLink | DismissesSuggestion | CodeAsked | Unlinks | ConflictSeen
)


class LinkedChannels:
    """Handles whatever makes or ends links, but for codes that come in as messages."""

    def __init__(  # noqa: PLR0913 - what it stands on
        self,
        *,
        store: Store,
        joining: Joining,
        question: LinkQuestion,
        linking: Linking,
        vouching: Vouching,
        news: News,
        settings: HubSettings,
    ) -> None:
        self._store = store
        self._joining = joining
        self._question = question
        self._linking = linking
        self._news = news
        self._settings = settings
        self._unlinking = Unlinking(store=store, settings=settings)
        self._vouching = vouching

    async def handle(self, scene: Scene, body: LinkEvent) -> None:
        """Put what the event does into the scene's draft."""
        match body:
            case SignedIn():
                await self._joining.sign_in(scene, body)
            case AgentLinks():
                await self._link_by_agent(scene, body)
            case ProposesLink():
                await self._propose(scene, body)
            case DismissesSuggestion():
                dismissed = SuggestionDismissed(
                    one=scene.identity.id, other=body.other, reason=body.reason
                )
                scene.draft.add(dismissed, by=body.by)
            case CodeAsked():
                await self._send_code(scene, body)
            case Unlinks():
                await self._unlink(scene, body)
            case ConflictSeen():
                refused = LinkRefused(reason=body.reason, other=body.other)
                scene.draft.add(refused, by=BySystem())

    async def redeem(self, scene: Scene, seen: CodeSeen, message: MessageIn | None) -> bool:
        """See `Joining.redeem`."""
        return await self._joining.redeem(scene, seen, message)

    async def joined(self, scene: Scene, link: Link) -> None:
        """The store linked a newcomer on sight; alone again if whom it joined has left since."""
        if scene.turn.identity(link.other) is None:
            await self._unlinking.let_go(scene, link)
            return
        linked = Linked(link=link.id, one=link.one, other=link.other, proof=link.proof)
        scene.draft.add(linked, by=BySystem())
        if link.proof is Proof.ATTESTED_PHONE:  # an alias is the same address by another name
            self._news.tell(scene, scene.identities, Line(slot="link.notice"))

    async def answer(self, scene: Scene, message: MessageIn) -> bool:
        """Do what a message says about links; False when it says nothing of them."""
        said = answer_in(message.text)
        if said is None:
            return False
        if await self._joining.answer(scene, said, message):
            return True
        if said.bare or len(scene.identities) == 1:
            return False
        own = await self._own(scene)
        if said.answer is LinkAnswer.STOP:
            own = await self._with_news(scene, own)
        else:
            own = [made for made in own if self._question.waits(made, scene)]
        if not own:
            return False
        scene.draft.add(message, by=scene.customer)
        episodes.touch(scene.draft, self._settings, by=BySystem())
        if said.answer is not LinkAnswer.YES:
            await self._end(scene, own)
        elif agreed := await self._question.agreed(scene, own, number=said.number):
            self._reveal(scene, agreed)
        else:
            await self._question.ask_again(scene, own)
        return True

    async def _link_by_agent(self, scene: Scene, body: AgentLinks) -> None:
        others = await self._others(scene, body.into)
        if others is not None:
            here = [one.id for one in scene.identities]
            there = [one.id for one in others]
            objection = await self._vouching.objection(here, there, by=body.by, now=scene.draft.now)
            if objection is not None:
                scene.draft.outcome = Rejected(reason=objection)
                return
        await self._joining.link_by_agent(scene, body)

    async def _propose(self, scene: Scene, body: ProposesLink) -> None:
        """Keep an agent's word until a colleague gives theirs."""
        others = await self._others(scene, body.other)
        if others is None:
            scene.draft.outcome = Rejected(reason="there is no such other customer")
            return
        if has_two_logins((*scene.identities, *others)):
            scene.draft.outcome = Rejected(reason=TWO_LOGINS)
            return
        proposed = LinkProposed(one=scene.identity.id, other=body.other, reason=body.reason)
        scene.draft.add(proposed, by=body.by)

    async def _others(
        self, scene: Scene, identity: IdentityId
    ) -> tuple[ChannelIdentity, ...] | None:
        """The identities of the customer at an address; None for nobody, or the same customer."""
        found = await self._store.identity(identity)
        if found is None or scene.turn.identity(identity) is not None:
            return None
        return (await self._store.turn(found.thread)).identities

    async def _unlink(self, scene: Scene, body: Unlinks) -> None:
        """End links, by the word of the customer, an agent or a rule; both sides are told."""
        before = {one.id: one for one in scene.identities}
        ended = await self._unlinking.end(scene, body.links, by=body.by, reason=body.reason)
        told = {identity for made in ended for identity in (made.link.one, made.link.other)}
        for identity in sorted(told):
            if before[identity].reachable:
                scene.notice(Line(slot="link.ended"), rule="link.ended", to=before[identity])

    async def _send_code(self, scene: Scene, body: CodeAsked) -> None:
        """Send a code to this identity, for the one who asked to type (R2)."""
        asking = await self._store.identity(body.only)
        if asking is None:
            return
        offer = await self._linking.offer_to(asking, source=scene.identity.id, shown=body.shown)
        where = () if body.shown is None else told_of(body.shown)
        line = Line(slot="link.otp", variables=(("link.code", offer.code), *where))
        scene.notice(line, rule="link.otp", secret=offer.code)

    async def _own(self, scene: Scene) -> list[LinkMade]:
        """The links of the identity that writes which hold."""
        own = scene.identity.id
        links = await self._store.links([one.id for one in scene.identities])
        return [made for made in links if made.holds and own in {made.link.one, made.link.other}]

    async def _with_news(self, scene: Scene, own: list[LinkMade]) -> list[LinkMade]:
        """These, and what a provider's customer was told of lately: somebody else's device."""
        if not self._news.tells(scene.identity):
            return own
        lately = await self._news.lately(scene)
        links = await self._store.links([one.id for one in scene.identities])
        new = [made for made in links if made.holds and made.link.id in lately]
        return [*own, *(made for made in new if made not in own)]

    def _reveal(self, scene: Scene, own: list[LinkMade]) -> None:
        for made in own:
            mark = LinkMark(
                link=made.link.id, mark=Mark.REVEALED, at=scene.draft.now, by=scene.customer
            )
            scene.draft.mark(mark)
            scene.draft.add(LinkRevealed(link=made.link.id), by=scene.customer)
        scene.notice(Line(slot="link.revealed"), rule="link.revealed")

    async def _end(self, scene: Scene, own: list[LinkMade]) -> None:
        body = Unlinks(
            by=scene.customer, links=tuple(made.link.id for made in own), reason="customer"
        )
        await self._unlink(scene, body)
