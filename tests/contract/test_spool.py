"""The suite of the `Spool` port."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from bot.errors import SpoolFull, StoreClosed
from bot.model.channel import (
    Attachment,
    AttachmentType,
    Inbound,
    Press,
    PressKind,
    ReceiptStatus,
    Sender,
)
from bot.model.event import AgentReplies, OfferExpired
from bot.model.record import Acceptance, IdentitySeed
from bot.ports import SpoolDepth
from tests.builders import acceptance, address, arrival, at, consent, read_up_to, receipt
from tests.hubs import ANNA as AGENT

if TYPE_CHECKING:
    from bot.ports import Spool
    from tests.contract.homes import SpoolHome

LONGEST = timedelta(minutes=15)
PLENTY = 10_000_000
EMPTY = SpoolDepth(count=0, bytes=0)


@pytest.fixture
async def spool(spool_home: SpoolHome) -> Spool:
    return await spool_home.open(longest=LONGEST, most_bytes=PLENTY)


def numbered(number: int, *, body: bytes = b"{}") -> Acceptance:
    return acceptance(arrival(address(), f"m{number}", text=f"message {number}"), body=body)


async def put(spool: Spool, *acceptances: Acceptance, seconds: float = 0) -> None:
    for one in acceptances:
        await spool.put(one, at=at(seconds))


async def waiting(spool: Spool) -> list[Acceptance]:
    return [one.acceptance for one in await spool.oldest(limit=10_000)]


# --- order -----------------------------------------------------------------------------------


async def test_it_is_empty_at_first(spool: Spool) -> None:
    assert await spool.depth() == EMPTY
    assert await spool.oldest(limit=10) == []


async def test_what_has_waited_longest_comes_first(spool: Spool) -> None:
    put_in = [numbered(number) for number in range(5)]
    await put(spool, *put_in)
    oldest = await spool.oldest(limit=3)
    assert [one.acceptance for one in oldest] == put_in[:3]
    numbers = [one.number for one in await spool.oldest(limit=10)]
    assert numbers == sorted(set(numbers))
    assert len(numbers) == 5


@pytest.mark.parametrize("limit", [0, -1])
async def test_no_limit_is_not_all(spool: Spool, limit: int) -> None:
    await put(spool, numbered(1))
    assert await spool.oldest(limit=limit) == []


async def test_order_is_of_putting_not_of_moments(spool: Spool) -> None:
    """A clock that is set back changes no order."""
    await put(spool, numbered(1), seconds=60)
    await put(spool, numbered(2), seconds=30)
    assert await waiting(spool) == [numbered(1), numbered(2)]


async def test_many_at_once_are_all_kept(spool: Spool) -> None:
    put_in = [numbered(number) for number in range(200)]
    await asyncio.gather(*(spool.put(one, at=at()) for one in put_in))
    assert await waiting(spool) == put_in
    assert (await spool.depth()).count == 200


# --- what was put is what comes --------------------------------------------------------------

ODD_TEXT = "Räksmörgås 🦐👩‍👩‍👧 \u202eåäö\u2028\t\"'\\ " + "långt " * 5_000
WHOLE = acceptance(
    arrival(
        address("ånnå/|,🦐"),
        "m1",
        text=ODD_TEXT,
        seed=IdentitySeed(
            address=address("ånnå/|,🦐"),
            phone="+46701234567",
            name="Ånnå 🦐",
            username="a",
            language="sv",
            join_phone=True,
            aliases=(address("b").identity, address("c").identity),
        ),
        body=Inbound(
            sender=Sender(user="ånnå/|,🦐", aliases=("b", "c")),
            dedupe_key="m1",
            text=ODD_TEXT,
            attachments=(Attachment(type=AttachmentType.LOCATION, latitude=59.3, longitude=18.06),),
            press=Press(kind=PressKind.FORM, fields=(("storlek", "42"), ("", ""))),
            at=at(0.123456),
        ),
    ),
    arrival(address("bo"), "m2", body=OfferExpired(epoch=3)),
    arrival(address("bo"), "m3", body=AgentReplies(by=AGENT, text="Hej")),
    body=bytes(range(256)) * 40,
).model_copy(
    update={
        "receipts": (
            receipt("sm1", ReceiptStatus.FAILED, error_code="30005"),
            read_up_to(address("bo"), at(1.5)),
        ),
        "consents": (consent(address("bo"), opted_out=True),),
    }
)


@pytest.mark.parametrize(
    "put_in",
    [
        WHOLE,
        acceptance(),
        acceptance(body=b"\xff\xfe\x00not text"),
        acceptance(body=b"").model_copy(update={"unreadable": "malformed: ö"}),
        acceptance(arrival(address())),
        Acceptance(receipts=(receipt("sm1", ReceiptStatus.READ),)),
        numbered(1, body=b"x" * 1_000_000),
    ],
    ids=["whole", "nothing", "no text", "unreadable", "no request", "only receipts", "long"],
)
async def test_what_comes_out_is_what_was_put_in(spool_home: SpoolHome, put_in: Acceptance) -> None:
    spool = await spool_home.open(longest=LONGEST, most_bytes=PLENTY)
    await put(spool, put_in)
    assert await waiting(spool) == [put_in]
    again = await spool_home.open(longest=LONGEST, most_bytes=PLENTY)
    assert await waiting(again) == [put_in]


async def test_the_same_twice_is_two(spool: Spool) -> None:
    """Whether it is a repeat is for the store to find out."""
    await put(spool, numbered(1), numbered(1))
    assert await waiting(spool) == [numbered(1), numbered(1)]


# --- forgetting ------------------------------------------------------------------------------


async def test_what_is_dropped_is_gone_and_nothing_else(spool: Spool) -> None:
    await put(spool, *(numbered(number) for number in range(5)))
    numbers = [one.number for one in await spool.oldest(limit=5)]
    await spool.drop([numbers[0], numbers[2]])
    assert await waiting(spool) == [numbered(1), numbered(3), numbered(4)]
    assert (await spool.depth()).count == 3


async def test_dropping_what_is_not_there_does_no_harm(spool: Spool) -> None:
    await put(spool, numbered(1))
    (one,) = await spool.oldest(limit=1)
    await spool.drop([])
    await spool.drop([one.number + 7, -1])
    assert await waiting(spool) == [numbered(1)]
    for _ in range(2):
        await spool.drop([one.number, one.number])
        assert await spool.depth() == EMPTY


async def test_a_number_is_never_given_again(spool_home: SpoolHome) -> None:
    """Dropping late must not hit what came since."""
    spool = await spool_home.open(longest=LONGEST, most_bytes=PLENTY)
    await put(spool, numbered(1), numbered(2))
    old = [one.number for one in await spool.oldest(limit=2)]
    await spool.drop(old)
    spool = await spool_home.open(longest=LONGEST, most_bytes=PLENTY)
    await put(spool, numbered(3))
    (new,) = await spool.oldest(limit=1)
    assert new.number > max(old)


# --- how much waits --------------------------------------------------------------------------


async def test_the_depth_tells_count_bytes_and_the_oldest(spool: Spool) -> None:
    await put(spool, numbered(1, body=b"x" * 1000), seconds=1)
    one = await spool.depth()
    assert (one.count, one.oldest_at) == (1, at(1))
    assert one.bytes > 1000
    await put(spool, numbered(2, body=b"x" * 5000), seconds=2)
    two = await spool.depth()
    assert (two.count, two.oldest_at) == (2, at(1))
    assert two.bytes - one.bytes > 5000
    await spool.drop([(await spool.oldest(limit=1))[0].number])
    left = await spool.depth()
    assert (left.count, left.bytes, left.oldest_at) == (1, two.bytes - one.bytes, at(2))


async def test_the_depth_is_known_after_a_restart(spool_home: SpoolHome) -> None:
    spool = await spool_home.open(longest=LONGEST, most_bytes=PLENTY)
    await put(spool, numbered(1), numbered(2), seconds=3)
    before = await spool.depth()
    assert await (await spool_home.open(longest=LONGEST, most_bytes=PLENTY)).depth() == before


# --- full ------------------------------------------------------------------------------------


async def test_more_bytes_than_allowed_are_refused_until_there_is_room(
    spool_home: SpoolHome,
) -> None:
    spool = await spool_home.open(longest=LONGEST, most_bytes=10_000)
    await put(spool, numbered(1, body=b"x" * 6_000))
    before = await spool.depth()
    with pytest.raises(SpoolFull):
        await put(spool, numbered(2, body=b"x" * 6_000))
    assert await spool.depth() == before
    await put(spool, numbered(3))  # a small one finds room
    await spool.drop([(await spool.oldest(limit=1))[0].number])
    await put(spool, numbered(4, body=b"x" * 6_000))
    assert await waiting(spool) == [numbered(3), numbered(4, body=b"x" * 6_000)]


async def test_one_that_is_too_large_by_itself_is_refused(spool_home: SpoolHome) -> None:
    spool = await spool_home.open(longest=LONGEST, most_bytes=1_000)
    with pytest.raises(SpoolFull):
        await put(spool, numbered(1, body=b"x" * 1_001))
    assert await spool.depth() == EMPTY


async def test_many_at_once_do_not_get_past_the_limit(spool_home: SpoolHome) -> None:
    spool = await spool_home.open(longest=LONGEST, most_bytes=20_000)
    results = await asyncio.gather(
        *(spool.put(numbered(number, body=b"x" * 1_000), at=at()) for number in range(100)),
        return_exceptions=True,
    )
    depth = await spool.depth()
    assert depth.bytes <= 20_000
    assert [type(one) for one in results].count(SpoolFull) == 100 - depth.count
    assert 5 <= depth.count <= 19


async def test_nothing_is_taken_when_the_oldest_has_waited_too_long(
    spool_home: SpoolHome,
) -> None:
    spool = await spool_home.open(longest=LONGEST, most_bytes=PLENTY)
    await put(spool, numbered(1))
    await put(spool, numbered(2), seconds=LONGEST.total_seconds())
    with pytest.raises(SpoolFull):
        await put(spool, numbered(3), seconds=LONGEST.total_seconds() + 0.001)
    assert await waiting(spool) == [numbered(1), numbered(2)]
    await spool.drop([(await spool.oldest(limit=1))[0].number])
    await put(spool, numbered(4), seconds=LONGEST.total_seconds() + 0.001)
    assert await waiting(spool) == [numbered(2), numbered(4)]


async def test_an_empty_spool_takes_anything_at_any_time(spool: Spool) -> None:
    await put(spool, numbered(1), seconds=10 * LONGEST.total_seconds())
    assert (await spool.depth()).count == 1


# --- the end ---------------------------------------------------------------------------------


async def test_a_closed_spool_takes_and_tells_nothing(spool: Spool) -> None:
    await put(spool, numbered(1))
    await spool.close()
    await spool.close()
    with pytest.raises(StoreClosed):
        await put(spool, numbered(2))
    with pytest.raises(StoreClosed):
        await spool.oldest(limit=1)
    with pytest.raises(StoreClosed):
        await spool.depth()
    with pytest.raises(StoreClosed):
        await spool.drop([1])
