"""How accounts fare, and accounts that the API made, in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.model.health import SendsWaiting
from bot.model.thread import SendStatus
from tests.fakes.memory import Section

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from bot.model.accounts import StoredAccount
    from bot.model.health import Sign, SignCount


class FakeHealth(Section):
    """The `Health` and `Accounts` sections."""

    async def note_signs(self, signs: Sequence[SignCount]) -> None:
        memory = await self._begin()
        for one in signs:
            key = (one.channel, one.account, one.sign, one.slot)
            known = memory.signs.get(key)
            if known is None:
                memory.signs[key] = one
            else:
                latest = one if one.last_at >= known.last_at else known
                count = known.count + one.count
                memory.signs[key] = latest.model_copy(update={"count": count})

    async def signs(self) -> list[SignCount]:
        memory = await self._begin()
        return [memory.signs[key] for key in sorted(memory.signs)]

    async def prune_signs(self, signs: Collection[Sign], *, before: datetime) -> None:
        memory = await self._begin()
        latest = {key[:3]: key for key in sorted(memory.signs)}
        for key in list(memory.signs):
            if key[2] in signs and key[3] < before and latest[key[:3]] != key:
                del memory.signs[key]

    async def waiting_sends(self, *, most: int) -> list[SendsWaiting]:
        memory = await self._begin()
        heads: set[str] = set()
        waiting: dict[tuple[str, str], list[datetime]] = {}
        due = []
        for send in memory.sends.values():
            if send.final or send.item.identity in heads:
                continue
            heads.add(send.item.identity)
            if send.state.status is SendStatus.QUEUED:
                due.append(send)
        for send in sorted(due, key=lambda one: one.due)[:most]:
            address = memory.address(send)
            waiting.setdefault((address.channel, address.account), []).append(send.due)
        return [
            SendsWaiting(channel=channel, account=account, count=len(moments), due=min(moments))
            for (channel, account), moments in sorted(waiting.items())
        ]

    async def put_account(self, account: StoredAccount) -> bool:
        memory = await self._begin()
        known = memory.accounts.get((account.channel, account.account))
        if (0 if known is None else known.version) != account.version - 1:
            return False
        memory.accounts[account.channel, account.account] = account
        return True

    async def accounts(self) -> list[StoredAccount]:
        memory = await self._begin()
        return [memory.accounts[key] for key in sorted(memory.accounts)]

    async def drop_account(self, channel: str, account: str, *, version: int) -> bool:
        memory = await self._begin()
        known = memory.accounts.get((channel, account))
        if known is None or known.version != version:
            return False
        del memory.accounts[channel, account]
        return True
