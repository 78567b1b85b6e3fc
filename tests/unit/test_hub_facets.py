"""Facets of one customer: kept apart, put right by agents, one after a link, two after its end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.hub import facets
from bot.hub.content import ContentSet
from bot.hub.content.parse import parse
from bot.hub.draft import Draft
from bot.hub.fold import fold
from bot.hub.journey import likeliest
from bot.hub.scene import Scene
from bot.hub.unlinking import Unlinking
from bot.hub.voice import Voice
from bot.model.event import Done, Rejected, ThreadEvent, Unlinks
from bot.model.facet import Facet, FacetBy, FacetChanged, FacetsStand, Interest
from bot.model.ids import EntryId, EpisodeId, EventId
from bot.model.people import BySystem
from bot.model.thread import Entry, EpisodeChanged, JourneyMoved, MessageOut, Phase, ThreadState
from bot.model.understanding import EntityFound, StageShare
from tests.builders import at, understood
from tests.fakes.nlu import FakeNlu
from tests.hubs import ANNA, HubKit, assert_rebuilds, hub_kit, plain
from tests.unit.test_hub_fold import EMPTY, entry

SMS, WEB = ("twilio_sms", "+46701234567"), ("webchat", "v1")
NLU = FakeNlu(
    {
        "pris": understood("discount", stage="purchase"),
        "tips": understood("gift.advice", stage="research"),
        "hjälp": understood("return.start", stage="support"),
    }
)


def stages(state: ThreadState) -> dict[str, str | None]:
    return {facet.persona: likeliest(facet.belief) for facet in state.facets}


async def said(kit: HubKit, who: tuple[str, str], text: str) -> ThreadState:
    if who[0] == "webchat":
        await kit.chat(who[1], text)
    else:
        await kit.write(*who, text)
    return await kit.state(*who)


# --- which facet -----------------------------------------------------------------------------


async def test_a_message_without_cues_stays_and_a_strong_one_moves() -> None:
    async with hub_kit(nlu=NLU) as kit:
        assert (await said(kit, SMS, "tips")).facet == "private"
        assert (await said(kit, SMS, "pris till firman")).facet == "business"
        assert (await said(kit, SMS, "hjälp")).facet == "business"
        state = await said(kit, SMS, "tips till barnen")
        assert (state.facet, stages(state)) == (
            "parent",
            {"business": "support", "parent": "research", "private": "research"},
        )
        assert state.belief == state.as_persona("parent").belief
        await assert_rebuilds(kit)


async def test_a_case_is_of_the_first_facet_that_is_sure() -> None:
    async with hub_kit(nlu=NLU) as kit:
        first = (await said(kit, SMS, "tips")).episode
        assert first is not None
        assert (first.facet, first.facet_by) == ("private", None)
        second = (await said(kit, SMS, "pris till firman")).episode
        third = (await said(kit, SMS, "tips till barnen")).episode
        assert second == third
        assert second is not None
        assert (second.id, second.facet, second.facet_by) == (first.id, "business", FacetBy.CUE)
        assert second.changed_at == first.changed_at
        changed = [
            one.body for one in await kit.entries(*SMS) if isinstance(one.body, FacetChanged)
        ]
        assert changed == [
            FacetChanged(
                facet="business", reason=FacetBy.CUE, quote="till firman", episode=first.id
            ),
            FacetChanged(facet="parent", reason=FacetBy.CUE, quote="barnen"),
        ]


async def test_a_case_that_is_opened_by_a_sure_message_says_so_at_once() -> None:
    async with hub_kit(nlu=NLU) as kit:
        await said(kit, SMS, "pris till firman")
        (opened,) = [
            one.body for one in await kit.entries(*SMS) if isinstance(one.body, EpisodeChanged)
        ]
        assert (opened.reason, opened.facet, opened.facet_by) == (
            "opened",
            "business",
            FacetBy.CUE,
        )


async def test_a_case_keeps_its_facet_whatever_becomes_of_it() -> None:
    async with hub_kit(nlu=NLU) as kit:
        await said(kit, SMS, "pris till firman")
        thread, desk = await kit.thread(*SMS), kit.hub.desk
        await desk.accept(thread, ANNA, takeover=True)
        await desk.snooze(thread, ANNA, until=kit.clock.now() + timedelta(hours=1))
        await desk.unsnooze(thread, ANNA)
        await desk.resolve(thread, ANNA, reason="solved")
        await said(kit, SMS, "pris")
        cases = [
            one.body for one in await kit.entries(*SMS) if isinstance(one.body, EpisodeChanged)
        ]
        assert [(one.reason, one.facet, one.facet_by) for one in cases] == [
            (reason, "business", FacetBy.CUE)
            for reason in ("opened", "snoozed", "unsnoozed", "solved", "reopened")
        ]
        await assert_rebuilds(kit)


# --- agents ----------------------------------------------------------------------------------


async def test_what_the_customer_writes_does_not_undo_an_agent_within_the_case() -> None:
    async with hub_kit(nlu=NLU) as kit:
        await said(kit, SMS, "tips")
        thread = await kit.thread(*SMS)
        assert await kit.hub.desk.set_facet(thread, ANNA, facet="business") == Done()
        await said(kit, SMS, "tips till barnen")
        await kit.hub.desk.resolve(thread, ANNA, reason="solved")
        state = await said(kit, SMS, "tips till barnen")  # reopened: the same case
        assert (state.facet, stages(state)) == (
            "business",
            {"business": "research", "private": "research"},
        )
        assert state.episode is not None
        assert (state.episode.facet, state.episode.facet_by) == ("business", FacetBy.AGENT)
        await assert_rebuilds(kit)


async def test_a_new_case_listens_again() -> None:
    async with hub_kit(nlu=NLU) as kit:
        await said(kit, SMS, "tips")
        thread = await kit.thread(*SMS)
        await kit.hub.desk.set_facet(thread, ANNA, facet="business")
        await kit.hub.desk.resolve(thread, ANNA, reason="solved")
        await kit.pass_time(timedelta(hours=73))
        state = await said(kit, SMS, "tips")
        assert state.episode is not None
        assert (state.facet, state.episode.facet, state.episode.facet_by) == (
            "business",
            "business",
            None,
        )
        assert (await said(kit, SMS, "tips till barnen")).facet == "parent"


async def test_what_cannot_be_set_is_refused_and_changes_nothing() -> None:
    async with hub_kit(nlu=NLU) as kit:
        before = await said(kit, SMS, "tips")
        desk = kit.hub.desk
        assert await desk.set_facet(before.thread, ANNA, facet="stranger") == Rejected(
            reason="there is no such persona"
        )
        assert await desk.set_facet(
            before.thread, ANNA, facet="business", episode=EpisodeId.of("other")
        ) == Rejected(reason="this is not the latest case")
        assert before.episode is not None
        same = (await kit.state(*SMS)).model_copy(update={"version": before.version})
        assert same == before
        assert (
            await desk.set_facet(before.thread, ANNA, facet="business", episode=before.episode.id)
            == Done()
        )


# --- what is said to whom --------------------------------------------------------------------


async def test_content_and_gaps_know_the_persona() -> None:
    heads = (
        ("en", "", "[price|en]"),
        ("en", "persona: [business]\n", "[price for firms|en]"),
    )
    own = ContentSet(
        [
            *(
                parse(f"---\nslot: answer.discount\nlocale: {locale}\n{more}---\n{text}\n", file=f)
                for f, (locale, more, text) in zip(("a.en.md", "b.en.md"), heads, strict=True)
            ),
            *(
                parse(
                    f"---\nslot: {slot}\nlocale: {locale}\n---\n[{slot}]\n",
                    file=f"{slot}.{locale}.md",
                )
                for slot in plain().slots
                if slot != "answer.discount"
                for locale in ("sv", "en")
            ),
        ]
    )
    async with hub_kit(own, nlu=NLU) as kit:
        await said(kit, SMS, "pris")
        await said(kit, SMS, "pris till firman")
        assert kit.phone(*SMS) == ["[price|en]", "[price for firms|en]"]
        out = [one.body for one in await kit.entries(*SMS) if isinstance(one.body, MessageOut)]
        assert [body.gap and body.gap.persona for body in out] == ["private", "business"]


# --- links -----------------------------------------------------------------------------------


async def test_two_threads_that_become_one_have_the_facets_of_both() -> None:
    async with hub_kit(nlu=NLU) as kit:
        await said(kit, WEB, "tips till barnen")
        await said(kit, SMS, "pris till firman")
        await said(kit, SMS, "tips till min dotter")
        parent = (await kit.state(*WEB)).as_persona("parent")
        business = (await kit.state(*SMS)).as_persona("business")
        await kit.go_on(WEB, SMS)
        state = await kit.state(*SMS)
        assert [facet.persona for facet in state.facets] == ["business", "parent"]
        assert state.as_persona("business") == business
        assert state.as_persona("parent").belief == parent.belief
        assert state.as_persona("parent").first_at == parent.first_at
        assert (state.facet, state.belief) == ("parent", parent.belief)
        await assert_rebuilds(kit)
        assert (await said(kit, SMS, "pris")).facet == "parent"
        await assert_rebuilds(kit)


async def test_the_facet_whose_journey_is_known_is_gone_on_with() -> None:
    async with hub_kit(nlu=NLU) as kit:
        await said(kit, WEB, "blargh till barnen")
        await said(kit, SMS, "pris till firman")
        await kit.go_on(WEB, SMS)
        state = await kit.state(*SMS)
        assert (state.facet, stages(state)) == (
            "business",
            {"business": "purchase", "parent": None},
        )
        await assert_rebuilds(kit)


async def test_private_people_who_link_say_nothing_of_facets() -> None:
    async with hub_kit(nlu=NLU) as kit:
        await said(kit, WEB, "tips")
        await said(kit, SMS, "pris")
        await kit.go_on(WEB, SMS)
        state = await kit.state(*SMS)
        assert "facets_stand" not in await kit.kinds(*SMS)
        (private,) = state.facets
        assert [one.value for one in private.interests] == ["discount", "gift.advice"]
        await assert_rebuilds(kit)


async def unlinked(kit: HubKit) -> dict[tuple[str, str], ThreadState]:
    """What the thread of both would be two of again, were the link to end now; nothing is kept."""
    turn = await kit.turn(*SMS)
    (made,) = await kit.store.links([one.id for one in turn.identities])
    body = Unlinks(by=BySystem(), links=(made.link.id,), reason="test")
    identity = turn.identity(kit.identity(*SMS))
    assert identity is not None
    event = ThreadEvent(
        id=EventId.new(),
        identity=identity.id,
        thread=turn.state.thread,
        at=kit.clock.now(),
        body=body,
    )
    draft = Draft(turn.state, event, now=kit.clock.now())
    voice = Voice(content=plain(), channels=kit.channels, settings=kit.hub.settings)
    scene = Scene(turn=turn, identity=identity, draft=draft, voice=voice)
    ending = Unlinking(store=kit.store, settings=kit.hub.settings)
    await ending.end(scene, body.links, by=body.by, reason=body.reason)
    for part in (SMS, WEB):
        own = [one for one in draft.entries if one.identity == kit.identity(*part)]
        past = [one for one in await kit.entries(*SMS) if one.identity == kit.identity(*part)]
        state = draft.state_of(kit.identity(*part))
        again = fold(ThreadState(thread=state.thread), [*past, *own])
        assert again == state.model_copy(update={"version": 0})
    return {part: draft.state_of(kit.identity(*part)) for part in (SMS, WEB)}


async def test_after_a_link_has_ended_each_has_the_facets_of_its_own_messages() -> None:
    async with hub_kit(nlu=NLU) as kit:
        before = await said(kit, WEB, "tips till barnen")
        await kit.go_on(WEB, SMS)
        await said(kit, SMS, "pris till firman")
        # Without a cue it is taken for the firm's: but it was the parent at the web page who asked.
        assert (await said(kit, WEB, "hjälp")).facet == "business"
        parts = await unlinked(kit)
    web, sms = parts[WEB], parts[SMS]
    assert (web.facet, stages(web)) == ("parent", {"parent": "support"})
    assert web.as_persona("parent").first_at == before.as_persona("parent").first_at
    assert {one.value for one in web.as_persona("parent").interests} == {
        "gift.advice",
        "return.start",
    }
    assert (sms.facet, stages(sms)) == ("business", {"business": "purchase"})
    assert web.belief == web.as_persona("parent").belief
    assert web.episode is not None
    assert (web.episode.facet, web.episode.facet_by) == ("parent", FacetBy.CUE)


async def test_what_an_agent_set_stays_with_the_part_it_was_set_at() -> None:
    async with hub_kit(nlu=NLU) as kit:
        await said(kit, WEB, "tips")
        await kit.go_on(WEB, SMS)
        await said(kit, WEB, "tips")
        await kit.hub.desk.set_facet(await kit.thread(*WEB), ANNA, facet="business")
        await said(kit, WEB, "hjälp till barnen")
        parts = await unlinked(kit)
    web, sms = parts[WEB], parts[SMS]
    assert (web.facet, stages(web)) == ("business", {"business": "support", "private": "research"})
    assert web.episode is not None
    assert (web.episode.facet, web.episode.facet_by) == ("business", FacetBy.AGENT)
    assert sms.facet == "private"
    assert stages(sms) == {}


# --- one fact at a time ----------------------------------------------------------------------


def belief(stage: str) -> tuple[StageShare, ...]:
    return (StageShare(stage=stage, share=1.0),)


def test_what_was_believed_before_there_were_facets_is_the_private_ones() -> None:
    old = EMPTY.model_copy(update={"belief": belief("support"), "belief_at": at(1)})
    changed = fold(old, [entry(FacetChanged(facet="business", reason=FacetBy.CUE))])
    assert (changed.facet, changed.belief, changed.belief_at) == ("business", (), None)
    assert changed.facets == (
        Facet(persona="business"),
        Facet(persona="private", belief=belief("support"), belief_at=at(1)),
    )
    back = fold(changed, [entry(FacetChanged(facet="private", reason=FacetBy.AGENT))])
    assert (back.belief, back.belief_at) == (belief("support"), at(1))


def test_old_entries_are_the_private_facets() -> None:
    raw = {
        "id": EntryId.of("e"),
        "identity": entry(FacetChanged(facet="x", reason=FacetBy.CUE)).identity,
        "event": EventId.of("e"),
        "at": at().isoformat(),
        "by": {"kind": "system"},
        "body": {"kind": "journey_moved", "belief": [], "evidence": "e"},
    }
    old = Entry.model_validate(raw)
    assert old.body == JourneyMoved(belief=(), evidence="e")
    assert fold(EMPTY, [old]).facets == (Facet(persona="private", belief_at=at()),)
    case = EpisodeChanged(
        episode=EpisodeId.of("e"), phase=Phase.OPEN, opened_at=at(), reason="opened"
    )
    opened = fold(EMPTY, [entry(case)]).episode
    assert opened is not None
    assert (opened.facet, opened.facet_by) == ("private", None)


def test_facets_that_stand_replace_what_was_known() -> None:
    state = fold(EMPTY, [entry(FacetChanged(facet="business", reason=FacetBy.CUE))])
    known = Facet(persona="parent", belief=belief("research"), belief_at=at(3))
    stands = FacetsStand(facets=(known,), facet="parent", reason="unlinked")
    after = fold(state, [entry(stands)])
    assert (after.facets, after.facet, after.belief, after.belief_at) == (
        (known,),
        "parent",
        belief("research"),
        at(3),
    )


@pytest.mark.parametrize("intent", ["greet", "thanks", "goodbye", "affirm", "deny"])
def test_small_talk_is_no_interest(intent: str) -> None:
    read = understood(intent)
    assert facets.heard(Facet(persona="private"), read, at=at()).interests == ()


def test_the_latest_interests_are_kept_and_no_more_than_eight() -> None:
    facet = Facet(persona="private")
    for number in range(12):
        facet = facets.heard(facet, understood(f"topic.{number % 10}"), at=at(number))
    assert [(one.value, one.at) for one in facet.interests] == [
        (f"topic.{number % 10}", at(number)) for number in range(11, 3, -1)
    ]
    assert (facet.first_at, facet.last_at) == (at(0), at(11))


def test_products_and_categories_are_interests() -> None:
    def piece(kind: str, value: str) -> EntityFound:
        return EntityFound(kind=kind, value=value, text=value, start=0, end=1)

    pieces = (piece("product", "tent.sarek-3"), piece("category", "tent"), piece("size", "M"))
    read = understood("thanks").model_copy(update={"entities": pieces})
    assert facets.heard(Facet(persona="private"), read, at=at(1)).interests == (
        Interest(kind="category", value="tent", at=at(1)),
        Interest(kind="product", value="tent.sarek-3", at=at(1)),
    )
