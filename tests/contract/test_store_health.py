"""Store, how accounts fare: signs added up over processes, sends that wait; accounts themselves."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from bot.model.accounts import StoredAccount
from bot.model.health import SendsWaiting, Sign, SignCount
from bot.model.record import Settlement
from bot.model.thread import SendStatus
from tests.builders import acceptance, address, arrival, at, change, entry, reply, send_item

if TYPE_CHECKING:
    from bot.ports import Store
    from tests.contract.homes import StoreHome


def sign(slot: float, when: float, count: int = 1, kind: Sign = Sign.FORGED) -> SignCount:
    return SignCount(
        channel="telegram",
        account="main",
        sign=kind,
        slot=at(slot),
        count=count,
        last_at=at(when),
        detail=f"told {when}",
        seen=f"https://{when}.example",
        until=at(when + 5) if kind is Sign.LIMITED else None,
    )


async def test_signs_add_up_and_say_the_latest(store_home: StoreHome) -> None:
    store = await store_home.open()
    assert await store.signs() == []
    await store.note_signs([])
    await store.note_signs([sign(0, 3, 2), sign(600, 610), sign(0, 1, 4, Sign.LIMITED)])
    await store.note_signs([sign(0, 2, 5)])
    await store.note_signs([sign(0, 7, 1, Sign.LIMITED)])
    wanted = [sign(0, 3, 7), sign(600, 610), sign(0, 7, 5, Sign.LIMITED)]
    for _ in ("written", "read again after a restart"):
        assert await store.signs() == wanted
        store = await store_home.open()


async def test_signs_of_several_at_once_are_all_counted(store: Store) -> None:
    await store.note_signs([sign(0, 0)])
    await asyncio.gather(*(store.note_signs([sign(0, number)]) for number in range(1, 9)))
    assert await store.signs() == [sign(0, 8, 9)]


async def test_old_signs_go_but_the_latest_of_each(store: Store) -> None:
    old = [sign(0, 1), sign(600, 601), sign(0, 1, kind=Sign.SENT), sign(600, 601, kind=Sign.HEARD)]
    fresh = [sign(1200, 1201), sign(0, 1, kind=Sign.HEARD)]
    await store.note_signs([*old, *fresh])
    await store.prune_signs([Sign.FORGED, Sign.SENT], before=at(1200))
    left = [(one.sign, one.slot) for one in await store.signs()]
    assert left == [
        (Sign.FORGED, at(1200)),
        (Sign.HEARD, at(0)),
        (Sign.HEARD, at(600)),
        (Sign.SENT, at(0)),
    ]
    await store.prune_signs([Sign.FORGED], before=at(5000))
    assert (Sign.FORGED, at(1200)) in [(one.sign, one.slot) for one in await store.signs()]


async def test_sends_that_wait_by_account(store: Store) -> None:
    assert await store.waiting_sends(most=10) == []
    for user, due in (("anna", 30.0), ("bo", 10.0), ("cleo", 20.0)):
        where = address(user)
        (event,) = (await store.accept(acceptance(arrival(where, user, when=at(0))))).events
        turn = await store.turn(event.thread)
        out = reply(event)
        send = send_item(turn, out, due=at(due))
        done = change(turn, event, entry(event), out)
        await store.commit(done.model_copy(update={"sends": (send,)}))
    where = address("anna")

    def waiting(count: int, due: float) -> list[SendsWaiting]:
        return [
            SendsWaiting(channel=where.channel, account=where.account, count=count, due=at(due))
        ]

    assert await store.waiting_sends(most=10) == waiting(3, 10)
    assert await store.waiting_sends(most=2) == waiting(2, 10)
    assert await store.waiting_sends(most=0) == []
    (claim,) = await store.claim_sends(now=at(15), limit=1, until=at(99))
    assert await store.waiting_sends(most=10) == waiting(2, 20)
    ended = Settlement(send=claim.item.id, status=SendStatus.SENT, at=at(16))
    await store.settle(ended)
    assert await store.waiting_sends(most=10) == waiting(2, 20)


def account(version: int, name: str = "main", *, sealed: bytes = b"\x00sealed") -> StoredAccount:
    when = at(0) + timedelta(minutes=version)
    return StoredAccount(
        channel="telegram", account=name, version=version, sealed=sealed, by="Anna", at=when
    )


async def test_an_account_is_replaced_at_the_version_that_was_seen(store_home: StoreHome) -> None:
    store = await store_home.open()
    assert await store.accounts() == []
    assert not await store.put_account(account(2))
    assert await store.put_account(account(1))
    assert not await store.put_account(account(1, sealed=b"other"))
    assert await store.put_account(account(1, "extra"))
    assert await store.put_account(account(2, sealed=b"second"))
    assert not await store.put_account(account(2, sealed=b"late"))
    for _ in ("written", "read again after a restart"):
        assert await store.accounts() == [account(1, "extra"), account(2, sealed=b"second")]
        store = await store_home.open()


async def test_an_account_goes_at_the_version_that_was_seen(store: Store) -> None:
    await store.put_account(account(1))
    assert not await store.drop_account("telegram", "main", version=2)
    assert not await store.drop_account("telegram", "other", version=1)
    assert await store.drop_account("telegram", "main", version=1)
    assert not await store.drop_account("telegram", "main", version=1)
    assert await store.accounts() == []


async def test_of_two_who_make_an_account_one_does(store: Store) -> None:
    made = await asyncio.gather(*(store.put_account(account(1)) for _ in range(4)))
    assert sorted(made) == [False, False, False, True]
