"""Which spooled requests may go to the store side by side: those of different customers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bot.model.channel import Address
from bot.model.ids import IdentityId, ThreadId
from bot.model.record import Acceptance, IdentitySeed, ReceiptFact
from bot.ports import Spooled


@dataclass
class _Lane:
    keys: set[str] = field(default_factory=set)
    queue: list[Spooled] = field(default_factory=list)


def identities_of(batch: Sequence[Spooled]) -> set[IdentityId]:
    """Every identity that a batch is about."""
    return {
        identity
        for spooled in batch
        for arrival in spooled.acceptance.arrivals
        for identity in (arrival.identity, *(arrival.seed.aliases if arrival.seed else ()))
    }


def lanes(batch: Sequence[Spooled], threads: Mapping[IdentityId, ThreadId]) -> list[list[Spooled]]:
    """A batch, in order, as lanes that have nothing to do with each other; each lane in order.

    Requests share a lane when they are about the same identity, thread, part, or attested phone,
    also by way of a third. `threads` are those of the identities that the store knows.
    """
    found: list[_Lane] = []
    for spooled in batch:
        keys = set(_keys(spooled.acceptance, threads))
        lane = _Lane(keys, [spooled])
        for other in [one for one in found if not keys.isdisjoint(one.keys)]:
            found.remove(other)
            lane = _Lane(lane.keys | other.keys, [*other.queue, *lane.queue])
        found.append(lane)
    return [sorted(lane.queue, key=lambda one: one.number) for lane in found]


def _keys(acceptance: Acceptance, threads: Mapping[IdentityId, ThreadId]) -> Iterator[str]:
    for arrival in acceptance.arrivals:
        yield threads.get(arrival.identity, arrival.identity)
        if arrival.seed is not None:
            yield from _seed_keys(arrival.seed, threads)
    for receipt in acceptance.receipts:
        yield _receipt_key(receipt)
    for consent in acceptance.consents:
        yield threads.get(consent.identity, consent.identity)


def _seed_keys(seed: IdentitySeed, threads: Mapping[IdentityId, ThreadId]) -> Iterator[str]:
    for alias in seed.aliases:
        yield threads.get(alias, alias)
    if seed.join_phone and seed.phone:
        yield seed.phone


def _receipt_key(receipt: ReceiptFact) -> str:
    if receipt.external_id is not None:
        return f"{receipt.channel}/{receipt.account}/{receipt.external_id}"
    return Address(
        channel=receipt.channel, account=receipt.account, user=receipt.user or ""
    ).identity
