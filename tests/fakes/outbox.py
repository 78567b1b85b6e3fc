"""Sends, in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.errors import StoreError
from bot.model.record import Claim
from bot.model.sending import FailureKind, PartSent
from bot.model.thread import SendStatus, ThreadState
from tests.fakes.memory import Memory, Section, SendRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from bot.model.ids import IdentityId, SendId
    from bot.model.record import SendItem, Settlement


class FakeOutbox(Section):
    """The `Outbox` section."""

    async def claim_sends(self, *, now: datetime, limit: int, until: datetime) -> list[Claim]:
        memory = await self._begin()
        due = [send for send in _heads(memory) if send.due <= now]
        ours = sorted(due, key=lambda send: (send.due, send.seq))[:limit]
        for send in ours:
            send.move(SendStatus.SENDING, tries=send.state.tries + 1)
            send.until = until
        return [_claim(memory, send) for send in ours]

    async def hold_sends(self, sends: Sequence[SendId], *, until: datetime) -> list[SendId]:
        memory = await self._begin()
        known = [memory.sends[send] for send in sends if send in memory.sends]
        held = [row for row in known if row.state.status is SendStatus.SENDING]
        for row in held:
            row.until = until
        return [row.item.id for row in held]

    async def part_sent(self, send: SendId, part: PartSent, *, at: datetime) -> None:
        memory = await self._begin()
        row = memory.send(send)
        where = memory.address(row)
        row.parts.append((part.external_id, at))
        memory.part_of[where.channel, where.account, part.external_id] = send

    async def settle(self, settlement: Settlement) -> None:
        memory = await self._begin()
        row = memory.send(settlement.send)
        if settlement.status is SendStatus.SENDING:
            raise StoreError("being made is no way for an attempt to end")
        if row.final:
            return
        row.due = settlement.due or settlement.at
        row.move(
            settlement.status,
            failure=settlement.failure,
            detail=settlement.detail,
            warnings=settlement.warnings,
            tries=row.state.tries - (not settlement.counted),
        )

    async def recover_sends(self, *, now: datetime) -> list[SendItem]:
        memory = await self._begin()
        lost = [
            row
            for row in memory.sends.values()
            if row.state.status is SendStatus.SENDING and row.until is not None and row.until <= now
        ]
        for row in lost:
            row.move(SendStatus.UNKNOWN, failure=FailureKind.UNCERTAIN)
        return [row.item for row in lost]

    async def next_due(self) -> datetime | None:
        memory = await self._begin()
        return min((send.due for send in _heads(memory)), default=None)

    async def sent_part(self, *, channel: str, account: str, external_id: str) -> SendId | None:
        memory = await self._begin()
        return memory.part_of.get((channel, account, external_id))


def _heads(memory: Memory) -> Iterator[SendRow]:
    """The queued sends that no older one to the same identity holds up, oldest first."""
    busy: set[IdentityId] = set()
    for send in sorted(memory.sends.values(), key=lambda row: row.seq):
        if send.final or send.item.identity in busy:
            continue
        busy.add(send.item.identity)
        if send.state.status is SendStatus.QUEUED:
            yield send


def _claim(memory: Memory, send: SendRow) -> Claim:
    thread = memory.thread_of(send.item.identity)
    state = memory.states.get(thread) or ThreadState(thread=thread)
    return Claim(
        item=send.item,
        seq=send.seq,
        address=memory.address(send),
        epoch_now=state.epoch,
        last_inbound_at=state.wrote_at(send.item.identity),
        parts_sent=tuple(PartSent(external_id=part) for part, _ in send.parts),
        tries=send.state.tries,
    )
