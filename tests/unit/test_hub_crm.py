"""Two sides keep the same fields: one push a correction, no echo, and the rule of each field."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from bot.crms.plain import PlainCrm
from bot.crms.settings import CrmField, CrmSettings
from bot.hub.agreeing import AGAIN, KEEPS_CHANGING
from bot.hub.correcting import FieldWord
from bot.hub.facts import FactStatus
from bot.hub.settings import HubSettings
from bot.hub.telling import login_address, read_told
from bot.model.crm import PushCounts, PushStatus, Rule
from bot.model.event import Done
from bot.model.fact import AttributeKey
from bot.model.sending import Lost, Reply, Unreached
from tests.hubs import ANNA, HubKit, hub_kit
from tests.played_crm import SECRET, PlayedCrm
from tests.records import ON_ONE_MACHINE, Record, record_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from pathlib import Path

    from pydantic import JsonValue

    from bot.hub.telling import Misfit, ToldFact
    from bot.model.crm import PushRow
    from bot.model.event import Outcome
    from bot.model.fact import FieldKey
    from bot.model.ids import IdentityId
    from bot.model.sending import HttpCall
    from tests.fakes.clock import FakeClock

NUMBER = "4711"
LOGIN = login_address("shop", NUMBER)
NAME = AttributeKey.NAME
KEYS: dict[FieldKey, str] = {"tier": "level", NAME: "full_name"}
EVERY = timedelta(minutes=5)


def crm(rule: Rule) -> PlainCrm:
    return PlainCrm(
        CrmSettings(
            url="https://crm.example/api",
            secret=SecretStr(SECRET),
            source="crm",
            realm="shop",
            pull_every=EVERY,
            fields={
                "tier": CrmField(
                    theirs="level", values={"guld": "GOLD", "silver": "SILVER"}, rule=rule
                ),
                NAME: CrmField(theirs="full_name", rule=rule),
            },
        )
    )


class TwoSides:
    """A hub and a CRM that tells it of every change, its own and ours, when `deliver` says so."""

    def __init__(self, kit: HubKit, played: PlayedCrm, rule: Rule) -> None:
        self.kit = kit
        self.played = played
        self.rule = rule
        self.webhooks: list[tuple[str, str, str, datetime]] = []
        played.told = lambda *told: self.webhooks.append(told)
        kit.wire.elsewhere = self._answer
        self.down = False
        self._number = count(1)

    def _answer(self, call: HttpCall) -> Reply | Unreached:
        result = Unreached(reason="down") if self.down else self.played(call)
        assert isinstance(result, Reply | Unreached)
        return result

    async def deliver(self) -> list[FactStatus]:
        """The webhooks that wait are told; what became of them."""
        waiting, self.webhooks = self.webhooks, []
        statuses = []
        for customer, field, value, when in waiting:
            (result,) = await self.kit.hub.facts.take([self.webhook(customer, field, value, when)])
            assert not result.wrong
            statuses.append(result.status)
        await self.kit.quiet()
        return statuses

    def webhook(self, customer: str, field: str, value: str, when: datetime) -> ToldFact | Misfit:
        """What they tell of a change."""
        kind = "tier_changed" if field == "level" else "attribute"
        data: dict[str, JsonValue] = (
            {"programme": "klubben", "tier": value}
            if field == "level"
            else {"key": "name", "value": value}
        )
        return read_told(
            {
                "source": "crm",
                "id": f"w{next(self._number)}",
                "subject": {"realm": "shop", "sub": customer},
                "kind": kind,
                "version": 1,
                "at": when.isoformat(),
                "data": data,
            }
        )

    async def there(self, field: str, value: str) -> None:
        """Somebody there changes a field."""
        await self.kit.clock.advance(1)
        self.played.change(NUMBER, field, value)

    async def correct(self, field: FieldKey, value: str, *, seen: str | None = None) -> Outcome:
        """An agent here does."""
        await self.kit.clock.advance(1)
        word = FieldWord(field=field, value=value, key=str(next(self._number)), seen=seen)
        outcome = await self.kit.hub.correcting.correct(LOGIN.identity, ANNA, word)
        await self.kit.quiet()
        return outcome

    async def tick(self, seconds: float = 1) -> None:
        """Time passes, and pushes that are due are made."""
        await self.kit.clock.advance(seconds)
        assert self.kit.hub.pushes is not None
        await self.kit.hub.pushes.make_due()

    async def pull(self) -> int:
        """It is time to ask."""
        await self.kit.clock.advance(EVERY)
        assert self.kit.hub.pulls is not None
        return await self.kit.hub.pulls.pull_due()

    async def shown(self, field: FieldKey = "tier") -> str | None:
        profile = await self.kit.hub.knowing.profile(await self._ids())
        found = [one.best.told.value for one in profile if one.key == field]
        return found[0] if found else None

    async def contradicted(self, field: FieldKey = "tier") -> list[str]:
        profile = await self.kit.hub.knowing.profile(await self._ids())
        return [other.value for one in profile if one.key == field for other in one.best.others]

    async def _ids(self) -> list[IdentityId]:
        identity = await self.kit.store.identity(LOGIN.identity)
        assert identity is not None
        return [one.id for one in (await self.kit.store.turn(identity.thread)).identities]

    async def row(self, field: FieldKey = "tier") -> PushRow:
        rows = await self.kit.store.pushes([LOGIN.identity])
        return next(one for one in rows if one.push.field == field)

    async def facts(self) -> int:
        return len(await self.kit.store.facts([LOGIN.identity], limit=1000))

    def holds(self, field: str = "level") -> str | None:
        """What they hold, in our words."""
        value = self.played.customers[NUMBER].get(field)
        return {"GOLD": "guld", "SILVER": "silver"}.get(value or "", value)


@asynccontextmanager
async def two_sides(
    rule: Rule = Rule.NEWEST, *, record: Record | None = None, played: PlayedCrm | None = None
) -> AsyncIterator[TwoSides]:
    clock: FakeClock | None = None if record is None else record.clock
    hub_settings = HubSettings(programme="klubben", vip_tiers=("guld",))
    if record is None:
        async with hub_kit(crm=crm(rule), settings=hub_settings) as kit:
            yield await _met(kit, played, rule)
        return
    async with (
        record.open() as (store, bus),
        hub_kit(crm=crm(rule), settings=hub_settings, store=store, bus=bus, clock=clock) as kit,
    ):
        yield await _met(kit, played, rule)


async def _met(kit: HubKit, played: PlayedCrm | None, rule: Rule) -> TwoSides:
    sides = TwoSides(kit, played or PlayedCrm(NUMBER, now=kit.clock.now), rule)
    if played is None:
        await sides.there("level", "SILVER")
        assert await sides.deliver() == [FactStatus.TAKEN]
    return sides


@pytest.fixture(params=ON_ONE_MACHINE)
async def sides(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[TwoSides]:
    async with two_sides(record=record_of(request, tmp_path)) as made:
        yield made


async def test_a_change_there_is_shown_and_not_pushed(sides: TwoSides) -> None:
    assert await sides.shown() == "silver"
    await sides.there("level", "GOLD")
    assert await sides.deliver() == [FactStatus.TAKEN]
    assert await sides.shown() == "guld"
    await sides.tick()
    await sides.pull()
    await sides.tick()
    assert (sides.played.patches, await sides.facts()) == ([], 2)
    assert await sides.kit.store.pushes([LOGIN.identity]) == []


async def test_a_change_here_is_one_patch_and_its_echo_nothing(sides: TwoSides) -> None:
    assert await sides.correct("tier", "guld", seen="silver") == Done()
    assert await sides.shown() == "guld"
    await sides.tick()
    assert sides.played.patches == [(NUMBER, {"level": "GOLD"})]
    facts = await sides.facts()
    assert await sides.deliver() == [FactStatus.ECHO]
    for _ in range(3):
        await sides.tick(100)
        await sides.pull()
    assert len(sides.played.patches) == 1
    assert await sides.facts() == facts == 3  # theirs, the correction, and that they took it
    assert (await sides.shown(), await sides.contradicted()) == ("guld", [])
    assert (await sides.row()).status is PushStatus.TAKEN


async def test_an_echo_that_is_faster_than_the_answer(sides: TwoSides) -> None:
    await sides.correct("tier", "guld")
    sides.played.change(NUMBER, "level", "GOLD")
    assert await sides.deliver() == [FactStatus.ECHO]
    await sides.tick()
    assert (sides.played.patches, (await sides.row()).status) == ([], PushStatus.TAKEN)
    assert await sides.shown() == "guld"


async def test_a_repeated_webhook_is_known(sides: TwoSides) -> None:
    told = sides.webhook(NUMBER, "level", "GOLD", sides.kit.clock.now())
    first = (await sides.kit.hub.facts.take([told]))[0].status
    again = (await sides.kit.hub.facts.take([told]))[0].status
    assert (first, again) == (FactStatus.TAKEN, FactStatus.KNOWN)


async def test_several_that_wait_are_one_and_each_field_has_its_own(sides: TwoSides) -> None:
    for value in ("guld", "brons"):
        await sides.correct("tier", value)
    await sides.correct(NAME, "Åsa")
    await sides.tick()
    assert sorted(sides.played.patches, key=str) == [
        (NUMBER, {"full_name": "Åsa"}),
        (NUMBER, {"level": "brons"}),
    ]


async def test_down_for_a_while_is_once_when_back(sides: TwoSides) -> None:
    sides.down = True
    await sides.correct("tier", "guld")
    for _ in range(6):
        await sides.tick(60)
    row = await sides.row()
    assert (row.status, row.reason, row.tries) == (PushStatus.WAITING, "down", 5)
    assert await sides.kit.store.count_pushes() == PushCounts(waiting=1, failed=0)
    sides.down = False
    await sides.tick(700)
    await sides.tick(700)
    assert sides.played.patches == [(NUMBER, {"level": "GOLD"})]


async def test_an_answer_that_is_lost_is_asked_for_again_under_the_same_key(
    sides: TwoSides,
) -> None:
    await sides.correct("tier", "guld")
    answer, lost = sides.kit.wire.elsewhere, True

    def lose(call: HttpCall) -> Reply | Unreached | Lost:
        nonlocal lost
        assert answer is not None
        result = answer(call)
        if lost:
            lost = False
            return Lost(reason="cut")
        assert isinstance(result, Reply)
        return result

    sides.kit.wire.elsewhere = lose
    await sides.tick()
    await sides.tick(6)
    assert (len(sides.played.asked), len(sides.played.patches)) == (2, 1)
    assert (await sides.row()).status is PushStatus.TAKEN


async def test_a_wait_that_they_ask_for(sides: TwoSides) -> None:
    await sides.correct("tier", "guld")
    sides.played.answers = [Reply(status=429, headers=(("retry-after", "30"),))]
    await sides.tick()
    await sides.tick(28)
    assert len(sides.played.asked) == 1
    await sides.tick(3)
    assert len(sides.played.patches) == 1


async def test_a_restart_in_between(tmp_path: Path) -> None:
    record = Record("sqlite", tmp_path)
    async with two_sides(record=record) as sides:
        played = sides.played
        await sides.correct("tier", "guld")
    async with two_sides(record=record, played=played) as sides:
        await sides.tick()
        assert len(played.patches) == 1
    async with two_sides(record=record, played=played) as sides:
        await sides.tick(100)
        await sides.pull()
        assert (len(played.patches), await sides.shown()) == (1, "guld")


async def test_what_they_refuse_stays_with_its_reason(sides: TwoSides) -> None:
    await sides.correct("tier", "platina")
    sides.played.answers = [Reply(status=400, body=b"no such level")]
    for _ in range(3):
        await sides.tick(100)
    row = await sides.row()
    assert (row.status, row.reason, len(sides.played.asked)) == (
        PushStatus.FAILED,
        "400: no such level",
        1,
    )
    assert await sides.shown() == "platina"
    await sides.correct("tier", "guld")
    await sides.tick()
    assert sides.played.patches == [(NUMBER, {"level": "GOLD"})]


async def test_a_customer_that_they_do_not_know(sides: TwoSides) -> None:
    del sides.played.customers[NUMBER]
    await sides.correct("tier", "guld")
    for _ in range(3):
        await sides.tick(100)
    row = await sides.row()
    assert (row.status, row.reason) == (PushStatus.FAILED, "404: it does not know this customer")
    assert len(sides.played.asked) == 1


async def test_who_has_no_number_there_is_not_told(sides: TwoSides) -> None:
    await sides.kit.write("twilio_sms", "+46701234567", "hej")
    who = sides.kit.identity("twilio_sms", "+46701234567")
    word = FieldWord(field=NAME, value="Åsa", key="k")
    assert await sides.kit.hub.correcting.correct(who, ANNA, word) == Done()
    await sides.tick()
    assert sides.played.asked == []


@pytest.mark.parametrize(
    ("rule", "first", "both"),
    [
        (Rule.OURS, "here", "guld"),
        (Rule.OURS, "there", "guld"),
        (Rule.THEIRS, "here", "brons"),
        (Rule.THEIRS, "there", "brons"),
        (Rule.NEWEST, "here", "brons"),
        (Rule.NEWEST, "there", "guld"),
    ],
)
async def test_both_at_once_by_the_rule(rule: Rule, first: str, both: str) -> None:
    async with two_sides(rule) as sides:
        if first == "there":
            await sides.there("level", "brons")
        await sides.correct("tier", "guld")
        if first == "here":
            await sides.there("level", "brons")
        assert await sides.deliver() == [FactStatus.TAKEN]
        await sides.tick()
        await sides.deliver()
        assert (await sides.shown(), sides.holds()) == (both, both)
        assert len(sides.played.patches) == (1 if both == "guld" else 0)


async def test_ours_ends_where_something_there_changes_it_back_each_time() -> None:
    async with two_sides(Rule.OURS) as sides:
        await sides.correct("tier", "guld")
        for _ in range(AGAIN + 3):
            await sides.tick()
            await sides.there("level", "SILVER")
            await sides.deliver()
        await sides.tick()
        row = await sides.row()
        assert (row.status, row.reason) == (PushStatus.FAILED, KEEPS_CHANGING)
        assert (len(sides.played.patches), await sides.shown()) == (AGAIN + 1, "guld")


async def test_a_webhook_that_was_lost_is_found_by_asking(sides: TwoSides) -> None:
    await sides.correct("tier", "guld")
    await sides.tick()
    await sides.there("level", "brons")
    sides.webhooks = []
    assert await sides.pull() > 0
    assert await sides.shown() == "brons"
    assert await sides.pull() == 0
    await sides.tick()
    assert len(sides.played.patches) == 1


async def test_a_field_of_a_record_that_is_nonsense_is_left_out(sides: TwoSides) -> None:
    sides.played.change("77", "full_name", "x" * 201)
    sides.played.change(NUMBER, "full_name", "Åsa")
    assert await sides.pull() == 3
    assert await sides.shown(NAME) == "Åsa"


async def test_who_is_erased_while_a_push_is_made(sides: TwoSides) -> None:
    await sides.correct("tier", "guld")
    now = sides.kit.clock.now()
    assert await sides.kit.store.claim_pushes(now=now, until=now + EVERY, limit=1)
    row = await sides.row()
    await sides.kit.store.erase([LOGIN.identity])
    assert sides.kit.hub.agreeing is not None
    await sides.kit.hub.agreeing.taken(row.push, at=now)
    assert await sides.kit.store.facts([LOGIN.identity]) == []


STEPS = (
    *(("correct", value) for value in ("guld", "silver", "brons")),
    *(("there", value) for value in ("GOLD", "SILVER", "brons")),
    *(("tick", ""), ("deliver", ""), ("lose", ""), ("pull", ""), ("down", ""), ("up", "")),
)


async def _play(rule: Rule, steps: Iterable[tuple[str, str]], *, ahead: float) -> None:
    async with two_sides(rule) as sides:
        clock = sides.kit.clock
        sides.played.now = lambda: clock.now() + timedelta(seconds=ahead)
        corrections = 0
        for step, value in steps:
            match step:
                case "correct":
                    corrections += 1
                    assert await sides.correct("tier", value) == Done()
                case "there":
                    await sides.there("level", value)
                case "tick":
                    await sides.tick()
                case "deliver":
                    await sides.deliver()
                case "lose":
                    sides.webhooks = []
                case "pull":
                    await sides.pull()
                case _:
                    sides.down = step == "down"
        sides.down = False
        for _ in range(2 * AGAIN + 4):
            await sides.deliver()
            await sides.tick(700)
            await sides.pull()
        assert len(sides.played.patches) <= corrections * (AGAIN + 1)
        assert sides.webhooks == []
        rows = await sides.kit.store.pushes([LOGIN.identity])
        if any(one.status is PushStatus.FAILED for one in rows):
            assert rule is Rule.OURS
        else:
            assert await sides.shown() == sides.holds()
        quiet = len(sides.played.asked)
        await sides.tick(700)
        assert len(sides.played.asked) == quiet


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    rule=st.sampled_from(Rule),
    steps=st.lists(st.sampled_from(STEPS), max_size=14),
    ahead=st.sampled_from([0.0, -45.5, 45.5]),
)
def test_any_sequence_ends_with_both_equal_and_pushes_end(
    rule: Rule, steps: list[tuple[str, str]], ahead: float
) -> None:
    asyncio.run(_play(rule, steps, ahead=ahead))
