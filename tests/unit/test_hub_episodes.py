"""Cases: opened by a message, waiting for the customer, over, reopened within the window."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.model.event import Done
from bot.model.thread import Episode, EpisodeChanged, OwnedByAgent, OwnedByBot, Phase
from tests.hubs import ANNA, HubKit, kit_on
from tests.records import ON_ONE_MACHINE, record_of

WEB, SMS = ("webchat", "v1"), ("twilio_sms", "+46701234567")
DAY = timedelta(days=1)


@pytest.fixture(params=ON_ONE_MACHINE)
async def kit(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[HubKit]:
    async with kit_on(record_of(request, tmp_path)) as made:
        yield made


async def case(kit: HubKit) -> Episode:
    episode = (await kit.state(*SMS)).episode
    assert episode is not None
    return episode


async def moves(kit: HubKit) -> list[tuple[str, str]]:
    """The phases that cases came to, and why."""
    bodies = [entry.body for entry in await kit.entries(*SMS)]
    return [(one.phase, one.reason) for one in bodies if isinstance(one, EpisodeChanged)]


async def answered(kit: HubKit) -> None:
    outcome = await kit.hub.desk.reply(
        await kit.thread(*SMS), ANNA, text="Vilken storlek?", client_id="1"
    )
    assert isinstance(outcome, Done)
    await kit.quiet()


async def test_it_waits_for_the_customer_once_an_agent_has_answered(kit: HubKit) -> None:
    await kit.write(*SMS, "leverans")
    assert (await case(kit)).phase is Phase.OPEN  # the bot's answers leave it open
    await answered(kit)
    assert (await case(kit)).phase is Phase.WAITING
    await kit.hub.desk.reply(await kit.thread(*SMS), ANNA, text="Hallå?", client_id="2")
    await kit.write(*SMS, "42")
    assert (await case(kit)).phase is Phase.OPEN
    assert await moves(kit) == [("open", "opened"), ("waiting", "answered"), ("open", "message")]


async def test_a_customer_who_stays_away_has_abandoned_it(kit: HubKit) -> None:
    await kit.write(*SMS, "leverans")
    await answered(kit)
    opened = await case(kit)
    await kit.pass_time(7 * DAY - timedelta(seconds=1))
    assert (await case(kit)).phase is Phase.WAITING
    assert isinstance((await kit.state(*SMS)).owner, OwnedByAgent)
    await kit.pass_time(timedelta(seconds=1))
    assert (await case(kit)).phase is Phase.ABANDONED
    assert isinstance((await kit.state(*SMS)).owner, OwnedByBot)
    assert (await moves(kit))[-1] == ("abandoned", "quiet")
    # Who comes back in time goes on with it, in another channel too.
    await kit.pass_time(2 * DAY)
    await kit.write(*SMS, "42")
    assert (await case(kit)).id == opened.id
    assert (await moves(kit))[-1] == ("open", "reopened")


async def test_every_message_puts_it_off(kit: HubKit) -> None:
    await kit.write(*SMS, "leverans")
    await kit.pass_time(6 * DAY)
    await kit.write(*SMS, "öppettider")
    await kit.pass_time(6 * DAY)
    assert (await case(kit)).phase is Phase.OPEN
    await kit.pass_time(DAY)
    assert (await case(kit)).phase is Phase.ABANDONED


async def test_one_that_an_agent_has_still_to_answer_is_never_abandoned(kit: HubKit) -> None:
    await kit.write(*SMS, "hej")
    await kit.hub.desk.accept(await kit.thread(*SMS), ANNA, takeover=True)
    for _ in range(4):
        await kit.pass_time(8 * DAY)
    assert (await case(kit)).phase is Phase.OPEN
    assert isinstance((await kit.state(*SMS)).owner, OwnedByAgent)
    await answered(kit)
    await kit.pass_time(8 * DAY)
    assert (await case(kit)).phase is Phase.ABANDONED


async def test_after_the_window_a_new_case_in_the_same_thread(kit: HubKit) -> None:
    await kit.chat("v1", "leverans")
    await kit.go_on(WEB, SMS)
    first, thread = await case(kit), await kit.thread(*SMS)
    await kit.hub.desk.resolve(thread, ANNA, reason="solved")
    await kit.pass_time(60 * DAY)
    await kit.chat("v1", "öppettider")
    second = await case(kit)
    assert await kit.thread(*WEB) == thread
    assert second.id != first.id
    assert second.phase is Phase.OPEN
    told = [entry.body for entry in await kit.entries(*WEB)]
    known = {one.episode for one in told if isinstance(one, EpisodeChanged)}
    assert known == {first.id, second.id}
