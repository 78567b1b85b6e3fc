"""Cases put aside: who may, what ends it, and that every snooze ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.model.event import Done, Rejected
from bot.model.people import Actor, BySystem
from bot.model.thread import EpisodeChanged, OwnedByAgent, Phase
from tests.hubs import ANNA, BO, HubKit, kit_on
from tests.records import ON_ONE_MACHINE, record_of

SMS, PHONE = "twilio_sms", "+46701234567"
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


@pytest.fixture(params=ON_ONE_MACHINE)
async def kit(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[HubKit]:
    async with kit_on(record_of(request, tmp_path)) as made:
        yield made


async def owned(kit: HubKit) -> None:
    await kit.write(SMS, PHONE, "människa")
    assert await kit.hub.desk.accept(await kit.thread(SMS, PHONE), ANNA) == Done()
    await kit.quiet()


async def snoozed(kit: HubKit) -> datetime:
    """Anna owns the thread and has put its case aside; until when."""
    await owned(kit)
    until = kit.clock.now() + HOUR
    assert await kit.hub.desk.snooze(await kit.thread(SMS, PHONE), ANNA, until=until) == Done()
    return until


async def phase(kit: HubKit) -> tuple[Phase, datetime | None]:
    episode = (await kit.state(SMS, PHONE)).episode
    assert episode is not None
    return episode.phase, episode.until


async def cases(kit: HubKit) -> list[tuple[Phase, str, Actor]]:
    """What became of the case since it was opened."""
    return [
        (entry.body.phase, entry.body.reason, entry.by)
        for entry in await kit.entries(SMS, PHONE)
        if isinstance(entry.body, EpisodeChanged)
    ][1:]


async def test_a_snooze_ends_at_its_moment_and_says_so(kit: HubKit) -> None:
    until = await snoozed(kit)
    assert await phase(kit) == (Phase.SNOOZED, until)
    shown = kit.phone(SMS, PHONE)
    await kit.pass_time(HOUR - SECOND)
    assert await phase(kit) == (Phase.SNOOZED, until)
    await kit.pass_time(SECOND)
    assert await phase(kit) == (Phase.OPEN, None)
    assert await cases(kit) == [
        (Phase.SNOOZED, "snoozed", ANNA),
        (Phase.OPEN, "snooze_over", BySystem()),
    ]
    assert isinstance((await kit.state(SMS, PHONE)).owner, OwnedByAgent)
    assert kit.phone(SMS, PHONE) == shown


async def test_a_message_takes_the_case_up_at_once(kit: HubKit) -> None:
    await snoozed(kit)
    await kit.write(SMS, PHONE, "hallå")
    assert await phase(kit) == (Phase.OPEN, None)
    assert (await cases(kit))[-1] == (Phase.OPEN, "message", BySystem())
    before = await kit.entries(SMS, PHONE)
    await kit.pass_time(2 * HOUR)
    assert await kit.entries(SMS, PHONE) == before


async def test_a_case_is_taken_up_before_its_moment(kit: HubKit) -> None:
    await snoozed(kit)
    thread = await kit.thread(SMS, PHONE)
    assert await kit.hub.desk.unsnooze(thread, ANNA) == Done()
    assert (await cases(kit))[-1] == (Phase.OPEN, "unsnoozed", ANNA)
    before = await kit.entries(SMS, PHONE)
    again = await kit.hub.desk.unsnooze(thread, ANNA)
    assert again == Rejected(reason="this case is not snoozed")
    await kit.pass_time(2 * HOUR)
    assert await kit.entries(SMS, PHONE) == before


async def test_of_two_snoozes_the_later_counts(kit: HubKit) -> None:
    until = await snoozed(kit)
    thread = await kit.thread(SMS, PHONE)
    assert await kit.hub.desk.snooze(thread, ANNA, until=until + HOUR) == Done()
    await kit.pass_time(HOUR)
    assert await phase(kit) == (Phase.SNOOZED, until + HOUR)
    await kit.pass_time(HOUR)
    assert await phase(kit) == (Phase.OPEN, None)


async def test_snoozing_anew_until_the_same_moment_ends_once(kit: HubKit) -> None:
    until = await snoozed(kit)
    thread = await kit.thread(SMS, PHONE)
    assert await kit.hub.desk.unsnooze(thread, ANNA) == Done()
    assert await kit.hub.desk.snooze(thread, ANNA, until=until) == Done()
    await kit.pass_time(HOUR)
    assert await phase(kit) == (Phase.OPEN, None)
    reasons = [reason for _, reason, _ in await cases(kit)]
    assert reasons == ["snoozed", "unsnoozed", "snoozed", "snooze_over"]


async def resolve(kit: HubKit) -> None:
    await kit.hub.desk.resolve(await kit.thread(SMS, PHONE), ANNA, reason="done")


async def hand_back(kit: HubKit) -> None:
    await kit.hub.desk.hand_back(await kit.thread(SMS, PHONE), ANNA)


async def transfer(kit: HubKit) -> None:
    await kit.hub.desk.transfer(await kit.thread(SMS, PHONE), ANNA, queue="q", note="n")
    await kit.hub.desk.accept(await kit.thread(SMS, PHONE), BO)


async def reply(kit: HubKit) -> None:
    await kit.hub.desk.reply(await kit.thread(SMS, PHONE), ANNA, text="hej", client_id="1")


async def customer_ends(kit: HubKit) -> None:
    await kit.hub.chat.end(kit.address(SMS, PHONE), key="1")


@pytest.mark.parametrize(
    ("act", "reason", "then"),
    [
        (resolve, "done", Phase.RESOLVED),
        (hand_back, "hand_back", Phase.OPEN),
        (transfer, "transfer", Phase.OPEN),
        (reply, "answered", Phase.WAITING),
        (customer_ends, "customer_ended", Phase.RESOLVED),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
async def test_what_ends_a_snooze_and_a_late_timer_changes_nothing(
    kit: HubKit, act: Callable[[HubKit], Awaitable[None]], reason: str, then: Phase
) -> None:
    await snoozed(kit)
    await act(kit)
    await kit.quiet()
    assert await phase(kit) == (then, None)
    assert (await cases(kit))[-1][:2] == (then, reason)
    before = await kit.entries(SMS, PHONE)
    await kit.pass_time(2 * HOUR)
    assert await kit.entries(SMS, PHONE) == before


async def test_a_link_takes_the_case_up(kit: HubKit) -> None:
    await snoozed(kit)
    await kit.write("telegram", "77", "hej")
    await kit.write("telegram", "77", await kit.link((SMS, PHONE), ("telegram", "77")))
    assert await phase(kit) == (Phase.OPEN, None)
    await kit.pass_time(2 * HOUR)
    assert await phase(kit) == (Phase.OPEN, None)


async def test_only_the_owner_snoozes(kit: HubKit) -> None:
    await owned(kit)
    thread, until = await kit.thread(SMS, PHONE), kit.clock.now() + HOUR
    before = await kit.entries(SMS, PHONE)
    refused = Rejected(reason="you do not own this thread", winner="Anna")
    assert await kit.hub.desk.snooze(thread, BO, until=until) == refused
    assert await kit.hub.desk.unsnooze(thread, BO) == refused
    assert await kit.entries(SMS, PHONE) == before


async def test_what_nobody_owns_is_not_snoozed(kit: HubKit) -> None:
    await kit.write(SMS, PHONE, "leverans")
    thread, until = await kit.thread(SMS, PHONE), kit.clock.now() + HOUR
    refused = Rejected(reason="you do not own this thread")
    assert await kit.hub.desk.snooze(thread, ANNA, until=until) == refused
    assert await phase(kit) == (Phase.OPEN, None)


async def test_a_moment_that_has_passed_snoozes_nothing(kit: HubKit) -> None:
    await owned(kit)
    thread = await kit.thread(SMS, PHONE)
    outcome = await kit.hub.desk.snooze(thread, ANNA, until=kit.clock.now())
    assert outcome == Rejected(reason="that moment has passed")
    assert await phase(kit) == (Phase.OPEN, None)
