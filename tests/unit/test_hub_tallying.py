"""Who speaks as which persona is counted by one process, a page at a time, once an hour."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.hub import tallying
from bot.hub.evidence import Evidence, Share
from bot.hub.personas import Personas, parse
from bot.hub.tallying import Tallying
from bot.model.counts import ACTIVE, CardSeen, Cell, PersonaCounts, PersonaTally
from tests.builders import understood
from tests.fakes.nlu import FakeNlu
from tests.fakes.store import FakeStore
from tests.hubs import TABLE, HubKit, hub_kit, shipped_personas

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
READ = {**TABLE, "pris": understood("price", stage="consider")}
OTHER = """
personas:
  - {key: private, names: {sv: Privat, en: Private}}
  - key: business
    names: {sv: Företag, en: Business}
    card:
      sv: {pain_points: [moms]}
"""


@pytest.fixture
async def kit() -> AsyncIterator[HubKit]:
    async with hub_kit(nlu=FakeNlu(READ), personas=shipped_personas()) as made:
        yield made


async def counted(kit: HubKit) -> dict[str, PersonaTally]:
    while await kit.hub.tallying.step():
        pass
    found = await kit.store.persona_counts()
    assert found is not None
    assert found.since == found.at - ACTIVE
    return {one.persona: one for one in found.personas}


def cells(tally: PersonaTally, kind: str) -> dict[str, int]:
    found: tuple[Cell, ...] = getattr(tally, kind)
    return {cell.key: cell.count for cell in found}


async def test_facets_are_counted_by_what_their_customers_have(kit: HubKit) -> None:
    await kit.write("telegram", "1", "offert till firman")
    await kit.write("telegram", "1", "pris")
    await kit.write("twilio_sms", "+46701234567", "offert till firman")
    await kit.write("twilio_whatsapp", "+46701234567", "hej")  # the same customer
    await kit.write("telegram", "2", "till min son")
    found = await counted(kit)
    assert {key: (one.active, one.ever) for key, one in found.items()} == {
        "business": (2, 2),
        "parent": (1, 1),
    }
    business = found["business"]
    assert cells(business, "channels") == {"telegram": 1, "twilio_sms": 1, "twilio_whatsapp": 1}
    assert cells(business, "languages") == {"sv": 2}
    assert sum(cells(business, "stages").values()) == 2


async def test_who_fell_silent_is_counted_as_ever(kit: HubKit) -> None:
    await kit.write("telegram", "1", "offert till firman")
    await kit.pass_time(ACTIVE + MINUTE)
    await kit.write("telegram", "2", "offert till firman")
    business = (await counted(kit))["business"]
    assert (business.ever, business.active) == (2, 1)
    assert cells(business, "channels") == {"telegram": 1}


async def test_it_counts_once_an_hour(kit: HubKit) -> None:
    await kit.write("telegram", "1", "offert till firman")
    await counted(kit)
    first = await kit.store.persona_counts()
    assert first is not None
    for passed, at in ((HOUR - MINUTE, first.at), (MINUTE + MINUTE, first.at + HOUR + MINUTE)):
        await kit.clock.advance(passed)
        await kit.hub.tallying.step()
        found = await kit.store.persona_counts()
        assert found is not None
        assert found.at == at


async def test_one_process_counts_and_another_takes_over(
    kit: HubKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tallying, "_PAGE", 2)
    for number in range(5):
        await kit.write("telegram", str(number), "offert till firman")
    one, other = (
        Tallying(store=kit.store, clock=kit.clock, personas=kit.hub.personas) for _ in range(2)
    )
    assert await one.step() == 2
    assert await other.step() == 0
    await kit.clock.advance(6 * MINUTE)  # the one stands still, and its hold lapses
    assert [await other.step() for _ in range(3)] == [2, 2, 1]
    assert await one.step() == 0
    found = await kit.store.persona_counts()
    assert found is not None
    assert [(tally.persona, tally.ever) for tally in found.personas] == [("business", 5)]


async def test_the_versions_of_cards_are_kept(kit: HubKit) -> None:
    await kit.hub.tallying.step()
    before = kit.hub.personas
    (first,) = await kit.store.cards_seen("business")
    assert first.at == kit.clock.now()
    await kit.clock.advance(DAY)
    kit.hub.tallying.take_over(Personas(parse(OTHER, file="personas.yaml")))
    for _ in range(2):
        await kit.hub.tallying.step()
    changed, was = await kit.store.cards_seen("business")
    assert (changed.at, was) == (kit.clock.now(), first)
    assert changed.version != first.version
    kit.hub.tallying.take_over(before)
    await kit.clock.advance(DAY)
    await kit.hub.tallying.step()
    back = await kit.store.cards_seen("business")
    assert back == [
        CardSeen(persona="business", version=first.version, at=kit.clock.now()),
        changed,
        first,
    ]


# --- what is shown of it ---------------------------------------------------------------------


def made(**cells: int) -> tuple[Cell, ...]:
    return tuple(Cell(key=key, count=count) for key, count in cells.items())


async def evidence(kit: HubKit) -> Evidence:
    found = (await kit.hub.evidences.of("business")).evidence
    assert found is not None
    return found


async def keep(kit: HubKit, tally: PersonaTally, *, ago: timedelta = timedelta()) -> None:
    at = kit.clock.now() - ago
    await kit.store.put_persona_counts(
        PersonaCounts(at=at, since=at - ACTIVE, personas=(tally,) if tally.ever else ())
    )


NOW = PersonaTally(
    persona="business",
    ever=500,
    active=200,
    stages=made(research=100, consider=76, support=20, loyalty=4),
    channels=made(webchat=120, telegram=90),
    languages=made(sv=200),
)
THEN = PersonaTally(
    persona="business",
    ever=400,
    active=200,
    stages=made(research=50, consider=80, purchase=70),
    channels=made(webchat=118, telegram=95),
    languages=made(sv=195, en=5),
)


async def test_small_cells_are_not_shown_and_shares_are_compared(kit: HubKit) -> None:
    await keep(kit, THEN, ago=ACTIVE + DAY)
    await keep(kit, NOW)
    found = await evidence(kit)
    assert (found.active, found.ever, found.fewest) == (200, 500, 10)
    assert found.compared_at == kit.clock.now() - ACTIVE - DAY
    up = Share(key="research", count=100, share=0.5, before=0.25, z=5.16, drift="up")
    same = Share(key="consider", count=76, share=0.38, before=0.4, z=-0.41)
    gone = Share(key="purchase", count=0, share=0.0, before=0.35, z=-9.21, drift="down")
    hidden = (Share(key="loyalty", count=None), Share(key="support", count=None))
    assert found.stages == (up, same, gone, *hidden)
    assert [one.drift for one in found.channels] == [None, None]
    # What was hidden then is not compared: five people spoke English.
    assert found.languages == (
        Share(key="sv", count=200, share=1.0),
        Share(key="en", count=0, share=0.0),
    )


async def test_nothing_to_compare_with(kit: HubKit) -> None:
    await keep(kit, THEN, ago=ACTIVE - DAY)  # too young
    await keep(kit, THEN, ago=ACTIVE + 8 * DAY)  # too old
    await keep(kit, NOW)
    found = await evidence(kit)
    assert found.compared_at is None
    assert {one.before for one in found.stages} == {None}


@pytest.mark.parametrize(
    ("ever", "active", "shown"),
    [
        (0, 0, (0, 0)),
        (9, 0, (0, None)),
        (9, 9, (None, None)),
        (40, 9, (None, None)),
        (40, 35, (35, None)),  # five who fell silent
        (40, 40, (40, 40)),
        (40, 20, (20, 40)),
    ],
)
async def test_how_many_there_are(
    kit: HubKit, ever: int, active: int, shown: tuple[int | None, int | None]
) -> None:
    of = PersonaTally(persona="business", ever=ever, active=active, stages=made(research=active))
    await keep(kit, of)
    found = await evidence(kit)
    assert (found.active, found.ever) == shown
    assert [one.count for one in found.stages] == ([shown[0]] if ever else [])


async def test_before_anything_was_counted() -> None:
    store = FakeStore()
    async with hub_kit(store=store, personas=shipped_personas()) as kit:
        found = await kit.hub.evidences.of("business")
        assert (found.persona.key, found.versions, found.evidence) == ("business", (), None)
