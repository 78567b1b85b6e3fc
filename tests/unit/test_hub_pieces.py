"""A long SMS whose parts come each by itself: one message, in whatever order, or what there is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.hub.pieces import PATIENCE
from bot.model.channel import Inbound, Piece, Sender
from bot.model.ids import EventId
from bot.model.record import Arrival, IdentitySeed
from bot.model.thread import MessageIn, PieceIn
from tests.hubs import HubKit, assert_rebuilds, hub_kit

SMS, USER = "twilio_sms", "+46701740605"
TEXTS = {1: "Jag undrar över en ", 2: "leverans som jag ", 3: "väntar på"}
WHOLE = "".join(TEXTS.values())


@pytest.fixture
async def kit() -> AsyncIterator[HubKit]:
    async with hub_kit() as made:
        yield made
        await assert_rebuilds(made)


async def comes(kit: HubKit, *numbers: int, ref: str = "7", key: str = "", total: int = 3) -> None:
    """Pieces of a message come; `key` makes their ids other ones."""
    address = kit.address(SMS, USER)
    for number in numbers:
        piece = Inbound(
            sender=Sender(user=USER),
            dedupe_key=f"{key}{number}",
            external_id=f"{key}{number}",
            text=TEXTS[number],
            at=kit.clock.now(),
            piece=Piece(ref=ref, number=number, total=total),
        )
        arrival = Arrival(
            id=EventId.of(SMS, "demo", "inbound", piece.dedupe_key),
            identity=address.identity,
            seed=IdentitySeed(address=address),
            at=kit.clock.now(),
            body=piece,
        )
        await kit.hub.ingress.submit([arrival])
        await kit.quiet()


async def messages(kit: HubKit) -> list[tuple[str | None, str, bool]]:
    entries = await kit.entries(SMS, USER)
    bodies = [entry.body for entry in entries if isinstance(entry.body, MessageIn)]
    return [(body.external_id, body.text, body.incomplete) for body in bodies]


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2), (2, 3, 1)])
async def test_pieces_in_any_order_are_one_message(kit: HubKit, order: tuple[int, ...]) -> None:
    await comes(kit, *order[:2])
    assert (await messages(kit), kit.phone(SMS, USER)) == ([], [])
    await comes(kit, order[2])
    assert await messages(kit) == [("1", WHOLE, False)]
    assert kit.phone(SMS, USER) == ["[answer.delivery.time]"]
    await kit.pass_time(2 * PATIENCE)
    assert len(await messages(kit)) == 1
    pieces = [e.body for e in await kit.entries(SMS, USER) if isinstance(e.body, PieceIn)]
    assert [piece.piece.number for piece in pieces] == list(order)


async def test_a_piece_that_comes_twice_is_one(kit: HubKit) -> None:
    await comes(kit, 1, 2, 2, 1)
    assert await messages(kit) == []
    await comes(kit, 3)
    assert await messages(kit) == [("1", WHOLE, False)]


async def test_what_never_comes_is_marked_and_the_rest_is_shown(kit: HubKit) -> None:
    await comes(kit, 3, 1)
    await kit.pass_time(PATIENCE - timedelta(seconds=1))
    assert await messages(kit) == []
    await kit.pass_time(1)
    assert await messages(kit) == [("1", f"{TEXTS[1]}[…]{TEXTS[3]}", True)]
    assert len(kit.phone(SMS, USER)) == 1


async def test_a_piece_that_comes_too_late_is_shown_by_itself(kit: HubKit) -> None:
    await comes(kit, 1, 3)
    await kit.pass_time(PATIENCE)
    await comes(kit, 2)
    await kit.pass_time(PATIENCE)
    assert await messages(kit) == [
        ("1", f"{TEXTS[1]}[…]{TEXTS[3]}", True),
        ("2", f"[…]{TEXTS[2]}[…]", True),
    ]


async def test_two_messages_at_once_are_two(kit: HubKit) -> None:
    await comes(kit, 1, 2)
    await comes(kit, 2, 3, ref="8", key="b")
    await comes(kit, 3)
    await comes(kit, 1, ref="8", key="b")
    assert await messages(kit) == [("1", WHOLE, False), ("b1", WHOLE, False)]


async def test_a_reference_is_used_again(kit: HubKit) -> None:
    await comes(kit, 1, 2, 3)
    await comes(kit, 3, 2, key="b")
    assert len(await messages(kit)) == 1
    await comes(kit, 1, key="b")
    assert await messages(kit) == [("1", WHOLE, False), ("b1", WHOLE, False)]


async def test_the_pieces_of_another_count_are_another_message(kit: HubKit) -> None:
    await comes(kit, 1, total=2)
    await comes(kit, 2, 3, key="b")
    assert await messages(kit) == []
    await comes(kit, 2, key="c", total=2)
    assert await messages(kit) == [("1", TEXTS[1] + TEXTS[2], False)]
