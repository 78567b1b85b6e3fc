"""Words that have been kept for long enough: which go, which stay, and that all else goes on."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from bot.hub.settings import HubSettings
from bot.model.channel import Address, Attachment, AttachmentType, Piece
from bot.model.dialogue import Dialogue, FormPosition, SlotFilled
from bot.model.facet import FacetBy, FacetChanged
from bot.model.forgetting import quiet, without_words
from bot.model.ids import AgentId, EntryId, EpisodeId, EventId
from bot.model.people import ByAgent
from bot.model.privacy import LegalHold
from bot.model.thread import (
    DialogueMoved,
    Entry,
    EntryBody,
    EpisodeChanged,
    MessageIn,
    MessageOut,
    Note,
    OwnedByBot,
    OwnerChanged,
    Phase,
    PieceIn,
    Reaction,
)
from bot.model.understanding import Understanding
from tests.builders import START
from tests.hubs import HubKit, assert_rebuilds, hub_kit

SMS, PHONE, OTHER = "twilio_sms", "+46701234567", "+46701234568"
DAY = timedelta(days=1)
CILLA = ByAgent(agent=AgentId.of("cilla"), name="Cilla")
KEEP = HubSettings(keep_messages=90 * DAY)


async def texts(kit: HubKit, phone: str = PHONE) -> list[str]:
    """What the customer wrote, as it is kept."""
    bodies = [entry.body for entry in await kit.entries(SMS, phone)]
    return [body.text for body in bodies if isinstance(body, MessageIn)]


async def readings(kit: HubKit) -> list[Understanding]:
    """What the customer's messages were read as."""
    bodies = [entry.body for entry in await kit.entries(SMS, PHONE)]
    read = [body.understanding for body in bodies if isinstance(body, MessageIn)]
    return [one for one in read if one is not None]


async def resolve(kit: HubKit, phone: str = PHONE) -> None:
    await kit.hub.desk.resolve(await kit.thread(SMS, phone), by=CILLA, reason="klart, Anna")
    await kit.quiet()


async def test_old_words_go_and_what_was_read_in_them_stays() -> None:
    async with hub_kit(settings=KEEP) as kit:
        await kit.write(SMS, PHONE, "Var är min order 12345?")
        await kit.quiet()
        await resolve(kit)
        before, (read,) = await kit.state(SMS, PHONE), await readings(kit)
        await kit.clock.advance(89 * DAY)
        assert await kit.hub.upkeep.forgetting.step(kit.clock.now()) == 0
        assert await texts(kit) == ["Var är min order 12345?"]
        await kit.clock.advance(2 * DAY)
        await kit.hub.upkeep.prune()
        left = await kit.entries(SMS, PHONE)
        assert "12345" not in repr(left)
        assert "klart, Anna" not in repr(left)
        assert all(one.gone for one in left if isinstance(one.body, MessageIn | MessageOut))
        (understood,) = await readings(kit)
        assert understood.guesses == read.guesses
        state = await kit.state(SMS, PHONE)
        assert state == quiet(before)
        assert (state.last_text, state.dialogue.choices) == ("", ())
        await assert_rebuilds(kit)
        await kit.write(SMS, PHONE, "Hej igen")
        await kit.quiet()
        assert await texts(kit) == ["", "Hej igen"]
        await assert_rebuilds(kit)


async def test_young_words_of_the_same_customer_stay() -> None:
    async with hub_kit(settings=KEEP) as kit:
        await kit.write(SMS, PHONE, "Hej")
        await kit.quiet()
        await resolve(kit)
        await kit.clock.advance(60 * DAY)
        await kit.write(SMS, PHONE, "Hej igen")
        await kit.quiet()
        await resolve(kit)
        await kit.clock.advance(31 * DAY)
        await kit.hub.upkeep.prune()
        assert await texts(kit) == ["", "Hej igen"]
        assert (await kit.state(SMS, PHONE)).last_text != ""
        await assert_rebuilds(kit)
        await kit.hub.upkeep.prune()
        assert await texts(kit) == ["", "Hej igen"]


async def test_a_case_that_is_open_keeps_its_words_until_it_is_over() -> None:
    async with hub_kit(settings=KEEP) as kit:
        await kit.write(SMS, PHONE, "Jag vill prata med en människa")
        await kit.quiet()
        thread = await kit.thread(SMS, PHONE)
        await kit.hub.desk.accept(thread, by=CILLA)
        await kit.quiet()
        await kit.clock.advance(120 * DAY)
        await kit.hub.upkeep.prune()
        assert (await kit.state(SMS, PHONE)).owner.kind == "agent"
        assert await texts(kit) == ["Jag vill prata med en människa"]
        await resolve(kit)
        await kit.hub.upkeep.prune()
        assert await texts(kit) == [""]


async def test_a_hold_on_one_address_keeps_the_words_of_the_whole_customer() -> None:
    async with hub_kit(settings=KEEP) as kit:
        for phone in (PHONE, OTHER):
            await kit.write(SMS, phone, "Hej")
            await kit.quiet()
            await resolve(kit, phone)
        linked = ("telegram", "42")
        await kit.go_on((SMS, PHONE), linked)
        await kit.quiet()
        await resolve(kit)
        hold = LegalHold(identity=kit.identity(*linked), reason="tvist", at=kit.clock.now())
        await kit.store.put_holds([hold])
        await kit.clock.advance(120 * DAY)
        await kit.hub.upkeep.prune()
        assert "Hej" in await texts(kit)
        assert await texts(kit, OTHER) == [""]
        await kit.store.end_holds([hold.identity])
        await kit.hub.upkeep.prune()
        assert set(await texts(kit)) == {""}
        await assert_rebuilds(kit)


async def test_a_long_thread_goes_a_little_at_a_time() -> None:
    async with hub_kit(settings=KEEP) as kit:
        for n in range(120):
            await kit.write(SMS, PHONE, f"Hej {n}")
            await kit.clock.advance(1)
        await kit.quiet()
        await resolve(kit)
        await kit.clock.advance(120 * DAY)
        rounds = 0
        while await kit.hub.upkeep.forgetting.step(kit.clock.now()):
            rounds += 1
            assert rounds < 10
        assert await texts(kit) == [""] * 120


async def test_without_a_period_all_is_kept() -> None:
    async with hub_kit() as kit:
        await kit.write(SMS, PHONE, "Hej")
        await kit.quiet()
        await resolve(kit)
        await kit.clock.advance(5000 * DAY)
        await kit.hub.upkeep.prune()
        assert await texts(kit) == ["Hej"]
    with pytest.raises(ValidationError, match="keep_messages"):
        HubSettings(keep_messages=timedelta(hours=1))


async def test_customers_see_no_more_of_it_and_nobody_is_asked_to_label_it() -> None:
    async with hub_kit(settings=KEEP) as kit:
        await kit.chat("visitor-1", "Blorg fnord snark")
        await kit.quiet()
        where = kit.address("webchat", "visitor-1")
        assert await kit.hub.chat.history(where) != []
        assert len((await kit.hub.reviewing.page(limit=9)).items) == 1
        thread = await kit.thread("webchat", "visitor-1")
        await kit.hub.desk.resolve(thread, by=CILLA, reason="klart")
        await kit.quiet()
        await kit.clock.advance(120 * DAY)
        await kit.hub.upkeep.prune()
        assert await kit.hub.chat.history(where) == []
        assert (await kit.hub.reviewing.page(limit=9)).items == ()


def _entry(body: EntryBody) -> Entry:
    return Entry(
        id=EntryId.new(),
        identity=Address(channel=SMS, account="demo", user=PHONE).identity,
        event=EventId.new(),
        at=START,
        by=CILLA,
        body=body,
    )


FORM = FormPosition(form="return", step="why", filled=(SlotFilled(name="order", value="W0RDS"),))


@pytest.mark.parametrize(
    "body",
    [
        MessageIn(
            text="W0RDS",
            attachments=(Attachment(type=AttachmentType.IMAGE, url="https://a.example/W0RDS"),),
        ),
        PieceIn(external_id="x", text="W0RDS", piece=Piece(ref="1", number=1, total=2)),
        Note(text="W0RDS"),
        Reaction(external_id="x", emoji="W0RDS"),
        OwnerChanged(owner=OwnedByBot(), epoch=3, reason="back", note="W0RDS"),
        EpisodeChanged(
            episode=EpisodeId.new(), phase=Phase.RESOLVED, opened_at=START, reason="W0RDS"
        ),
        DialogueMoved(dialogue=Dialogue(form=FORM)),
        FacetChanged(facet="work", reason=FacetBy.CUE, quote="W0RDS"),
    ],
    ids=lambda body: body.kind,
)
def test_no_kind_of_entry_keeps_words(body: EntryBody) -> None:
    said = _entry(body)
    bare = without_words(said)
    assert "W0RDS" not in bare.model_dump_json()
    assert bare.gone
    assert bare.body.kind == body.kind
    assert without_words(bare) == bare
