"""How accounts fare: what is counted where it happens, and what it adds up to."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from bot.errors import StoreAway
from bot.hub.health import judged
from bot.hub.hub import Hub
from bot.hub.settings import HealthSettings
from bot.hub.signs import Signs
from bot.model.channel import Request
from bot.model.health import (
    ChannelHealth,
    HealthProblem,
    HealthState,
    SendsWaiting,
    Sign,
    SignCount,
    slot_of,
)
from bot.model.sending import Reply
from tests.fakes.clock import FakeClock, settle
from tests.fakes.store import FakeStore
from tests.hubs import PUBLIC, hub_kit

SMS, PHONE = "twilio_sms", "+46701234567"
KEY = ("twilio_sms", "demo")
HOUR = timedelta(hours=1)
NOW = FakeClock().now()


def seen(sign: Sign, ago: timedelta, count: int = 1, *, until: datetime | None = None) -> SignCount:
    at = NOW - ago
    return SignCount(
        channel=KEY[0],
        account=KEY[1],
        sign=sign,
        slot=slot_of(sign, at),
        count=count,
        last_at=at,
        detail=sign.value,
        until=until,
    )


def judge(
    *signs: SignCount,
    waiting: SendsWaiting | None = None,
    settings: HealthSettings | None = None,
) -> ChannelHealth:
    (health,) = judged(
        [KEY],
        signs,
        [] if waiting is None else [waiting],
        settings=settings or HealthSettings(),
        now=NOW,
    )
    return health


def told(health: ChannelHealth) -> list[tuple[HealthProblem, HealthState]]:
    return [(reason.problem, reason.state) for reason in health.reasons]


MINUTE = timedelta(minutes=1)


def test_an_account_of_which_nothing_is_known_is_well() -> None:
    assert judge() == ChannelHealth(channel="twilio_sms", account="demo")


def test_credentials_are_refused_until_something_leaves_or_a_check_says_so() -> None:
    refused = seen(Sign.TOKEN, 30 * HOUR)
    health = judge(refused, seen(Sign.SENT, 40 * HOUR))
    assert told(health) == [(HealthProblem.TOKEN, HealthState.FAILING)]
    assert (health.state, health.reasons[0].detail) == (HealthState.FAILING, "token")
    assert judge(refused, seen(Sign.SENT, HOUR)).state is HealthState.OK
    assert judge(refused, seen(Sign.TAKEN, HOUR)).state is HealthState.OK


@pytest.mark.parametrize(
    ("forged", "accepted", "state"),
    [
        (4, 0, HealthState.OK),
        (5, 0, HealthState.FAILING),
        (5, 20, HealthState.WARNING),
        (5, 21, HealthState.OK),
    ],
)
def test_refused_webhooks_are_held_against_accepted_ones(
    forged: int, accepted: int, state: HealthState
) -> None:
    taken = [seen(Sign.ACCEPTED, 20 * MINUTE, accepted)] if accepted else []
    health = judge(seen(Sign.FORGED, MINUTE, forged), *taken)
    assert (health.state, health.refused, health.accepted) == (state, forged, accepted)


def test_refused_webhooks_of_long_ago_count_no_more() -> None:
    assert judge(seen(Sign.FORGED, 2 * HOUR, 99)).state is HealthState.OK


def test_silence_is_unusual_against_the_accounts_own() -> None:
    daily = [seen(Sign.HEARD, timedelta(days=n)) for n in range(9, 2, -1)]
    assert told(judge(*daily)) == [(HealthProblem.SILENT, HealthState.WARNING)]
    assert judge(*daily).reasons[0].what == (
        "nobody has written for 72 h; the longest silence of four weeks was 24 h"
    )
    off = HealthSettings(silence=None)
    patient = HealthSettings(silence_least=timedelta(days=4))
    for one in (off, patient):
        assert judge(*daily, settings=one).state is HealthState.OK
    assert judge(*daily, seen(Sign.HEARD, 47 * HOUR)).state is HealthState.OK
    assert judge(*daily[:4]).state is HealthState.OK  # too few to know what is usual
    often = [seen(Sign.HEARD, 3 * n * HOUR) for n in range(8, 1, -1)]
    assert told(judge(*often)) == [(HealthProblem.SILENT, HealthState.WARNING)]
    assert judge(*often, seen(Sign.HEARD, 5 * HOUR)).state is HealthState.OK


def test_a_wait_that_the_provider_told_is_said_while_it_lasts() -> None:
    limited = seen(Sign.LIMITED, MINUTE, until=NOW + MINUTE)
    health = judge(limited)
    assert told(health) == [(HealthProblem.LIMITED, HealthState.WARNING)]
    assert health.limited_until == NOW + MINUTE
    over = judge(limited.model_copy(update={"until": NOW}))
    assert (over.state, over.limited_until) == (HealthState.OK, None)


def test_sends_that_fail_and_sends_that_nobody_takes() -> None:
    failed = seen(Sign.FAILED, MINUTE, 3)
    assert told(judge(failed)) == [(HealthProblem.FAILING, HealthState.FAILING)]
    assert judge(failed, seen(Sign.SENT, MINUTE / 2, 3)).state is HealthState.WARNING
    assert judge(failed, seen(Sign.SENT, 5 * MINUTE, 4)).state is HealthState.OK
    assert judge(seen(Sign.FAILED, MINUTE, 2)).state is HealthState.OK
    late = SendsWaiting(channel=KEY[0], account=KEY[1], count=7, due=NOW - 5 * MINUTE)
    health = judge(waiting=late)
    assert told(health) == [(HealthProblem.WAITING, HealthState.FAILING)]
    assert health.waiting == 7
    soon = late.model_copy(update={"due": NOW + MINUTE})
    assert (judge(waiting=soon).state, judge(waiting=soon).waiting) == (HealthState.OK, 7)


def test_the_worst_comes_first() -> None:
    limited = seen(Sign.LIMITED, MINUTE, until=NOW + MINUTE)
    health = judge(limited, seen(Sign.TOKEN, MINUTE))
    assert [one.problem for one in health.reasons] == [HealthProblem.TOKEN, HealthProblem.LIMITED]
    assert health.state is HealthState.FAILING


# --- counted where it happens ----------------------------------------------------------------


def refused(status: int, code: int, after: str | None = None) -> Reply:
    headers = () if after is None else (("retry-after", after),)
    body = json.dumps({"code": code, "message": "no", "status": status}).encode()
    return Reply(status=status, headers=headers, body=body)


async def of(hub: Hub, key: tuple[str, str] = KEY) -> ChannelHealth:
    found = await hub.healths.read(fresh=True)
    return next(one for one in found if (one.channel, one.account) == key)


async def test_what_comes_in_and_leaves_is_counted() -> None:
    async with hub_kit() as kit:
        await kit.write(SMS, PHONE, "hej")
        health = await of(kit.hub)
        now = kit.clock.now()
        # The message, and two receipts of the answer.
        assert (health.state, health.accepted, health.refused) == (HealthState.OK, 3, 0)
        assert (health.last_in, health.last_out) == (now, now)
        other = await of(kit.hub, ("telegram", "demo"))
        assert other == ChannelHealth(channel="telegram", account="demo")


async def test_forged_webhooks_are_counted_with_where_they_were_called() -> None:
    async with hub_kit() as kit:
        channel = kit.hub.engines.channels[KEY]
        for number in range(5):
            request = Request(
                method="POST",
                url=f"{PUBLIC}/webhooks/twilio_sms/demo",
                path="/webhooks/twilio_sms/demo",
                headers=(
                    ("host", "10.0.0.7:8080"),
                    ("x-forwarded-host", "Shop.Example"),
                    ("x-forwarded-proto", "https"),
                    ("x-twilio-signature", f"bad{number}"),
                ),
                body=b"From=%2B46701234567",
                received_at=kit.clock.now(),
            )
            assert (await kit.hub.ingress.take(channel, request)).status == 403
        health = await of(kit.hub)
        assert told(health) == [(HealthProblem.SIGNATURES, HealthState.FAILING)]
        (sign,) = await kit.store.signs()
        assert (sign.sign, sign.count, sign.detail) == (Sign.FORGED, 5, "signature_invalid")
        assert sign.seen == "https://shop.example"


@pytest.mark.parametrize(
    ("answer", "problems"),
    [
        (refused(401, 20003), [HealthProblem.TOKEN]),
        (refused(429, 20429, after="90"), [HealthProblem.LIMITED]),
        (refused(400, 21211), []),  # a number that is none: the account is well
    ],
)
async def test_how_a_send_ended_says_how_the_account_fares(
    answer: Reply, problems: list[HealthProblem]
) -> None:
    async with hub_kit() as kit:
        kit.wire.failing.append(answer)
        await kit.deliver(SMS, kit.webhook(SMS, PHONE, "hej"))
        while kit.wire.failing:
            await kit.hub.outbox.drain()
            await settle()
        await settle()
        health = await of(kit.hub)
        assert [one.problem for one in health.reasons] == problems
        if problems == [HealthProblem.LIMITED]:
            assert health.limited_until == kit.clock.now() + timedelta(seconds=90)


# --- over processes and restarts -------------------------------------------------------------


async def test_two_processes_and_a_restart_are_one_account() -> None:
    store, clock = FakeStore(), FakeClock()
    async with hub_kit(working=False) as kit:
        channel = kit.hub.engines.channels[KEY]
    for count in (2, 3):  # an edge and another, both gone afterwards
        process = Signs(store=store, clock=clock)
        for _ in range(count):
            process.note(channel, Sign.FORGED, detail="signature_invalid")
        await process.write()
    (health,) = judged([KEY], await store.signs(), [], settings=HealthSettings(), now=clock.now())
    assert (health.refused, health.state) == (5, HealthState.FAILING)


async def test_what_the_store_did_not_take_is_written_later_and_once() -> None:
    store, clock = FakeStore(), FakeClock()
    async with hub_kit(working=False) as kit:
        channel = kit.hub.engines.channels[KEY]
    signs = Signs(store=store, clock=clock)
    signs.note(channel, Sign.SENT)
    store.failing = StoreAway("away")
    with pytest.raises(StoreAway):
        await signs.write()
    signs.note(channel, Sign.SENT)
    store.failing = None
    await signs.write()
    await signs.write()
    assert [(one.sign, one.count) for one in await store.signs()] == [(Sign.SENT, 2)]


async def test_upkeep_forgets_what_is_old_and_keeps_the_last() -> None:
    async with hub_kit() as kit:
        await kit.write(SMS, PHONE, "hej")
        await kit.hub.signs.write()
        old = {one.slot for one in await kit.store.signs()}
        await kit.pass_time(timedelta(days=40))
        await kit.hub.upkeep.prune()
        assert {one.slot for one in await kit.store.signs()} == old  # the last of each stays
        await kit.write(SMS, PHONE, "hej")
        await kit.hub.signs.write()
        await kit.hub.upkeep.prune()
        left = await kit.store.signs()
        assert not old & {one.slot for one in left}
        assert {one.sign for one in left} == {Sign.ACCEPTED, Sign.HEARD, Sign.SENT}
