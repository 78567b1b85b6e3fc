"""A customer with two numbers says STOP at one: no more marketing at either, until they part."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from bot.hub.connecting import Connected, LinkWord
from bot.model.consents import ConsentFact
from bot.model.event import Done
from bot.model.sending import FailureKind, Origin
from bot.model.thread import SendStatus
from tests.hubs import ANNA, HubKit, queue

if TYPE_CHECKING:
    from tests.journeys.conftest import Start

SMS, WORK, HOME = "twilio_sms", "+46701234567", "+46707654321"


async def gets(kit: HubKit, user: str, text: str, *, facet: str | None = None) -> bool:
    """Whether a campaign comes through; one that does not is failed, and nothing else."""
    await queue(kit, user, text, origin=Origin.CAMPAIGN, facet=facet)
    (*_, send) = await kit.sends(SMS, user)
    if send.status is SendStatus.SENT:
        assert kit.phone(SMS, user)[-1] == text
        return True
    assert (send.status, send.failure) == (SendStatus.FAILED, FailureKind.OPTED_OUT)
    assert text not in kit.phone(SMS, user)
    return False


async def allowed(kit: HubKit) -> list[tuple[str | None, bool]]:
    card = await kit.hub.cards.card(kit.identity(SMS, HOME))
    return [(one.facet, one.allowed) for one in card.consents]


async def test_a_stop_at_one_number_holds_at_both(start: Start) -> None:
    async with start() as kit:
        for number in (WORK, HOME):
            await kit.write(SMS, number, "hej")
        own = kit.identity(SMS, HOME)
        assert await gets(kit, HOME, "Rea!")
        await kit.write(SMS, WORK, "STOP")
        assert await gets(kit, HOME, "Rea igen!")
        word = LinkWord(identity=kit.identity(SMS, WORK), reason="samma kund", key="l1")
        assert await kit.hub.connecting.link(own, ANNA, word) is Connected.LINKED
        await kit.quiet()

    async with start() as kit:  # on the same record
        assert await allowed(kit) == [(None, False)]
        for number in (WORK, HOME):
            assert not await gets(kit, number, "Vårens nyheter")
        shown = kit.phone(SMS, HOME)
        await kit.write(SMS, HOME, "hur lång är leveranstiden?")
        assert kit.phone(SMS, HOME)[:-1] == shown
        assert "2 till 4 vardagar" in kit.phone(SMS, HOME)[-1]
        # The work number is asked again, and says yes for the firm alone.
        yes = ConsentFact(
            identity=kit.identity(SMS, WORK),
            opted_out=False,
            source="phone",
            at=kit.clock.now() + timedelta(seconds=1),
            facet="business",
        )
        await kit.hub.consenting.tell(own, yes, by=ANNA)
        assert await allowed(kit) == [(None, False), ("business", True)]
        assert await gets(kit, HOME, "Profilkläder", facet="business")
        assert not await gets(kit, HOME, "Barnkläder", facet="parent")

        (made,) = await kit.store.links([own, kit.identity(SMS, WORK)])
        ended = kit.hub.connecting.unlink(own, ANNA, made.link.id, reason="två", key="u1")
        assert await ended == Done()
        await kit.quiet()
        assert await allowed(kit) == []
        assert await gets(kit, HOME, "Sommarrea")
        assert not await gets(kit, WORK, "Sommarrea")
