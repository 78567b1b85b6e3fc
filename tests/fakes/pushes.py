"""What another system is to be told, in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.errors import NotFound
from bot.model.crm import Pull, PushCounts, PushRow, PushStatus
from tests.fakes.memory import Section

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from bot.model.crm import Push, PushEnd
    from bot.model.ids import IdentityId

_OPEN = {PushStatus.WAITING, PushStatus.FAILED}


class FakePushes(Section):
    """The `Pushes` section."""

    async def put_push(self, push: Push) -> bool:
        memory = await self._begin()
        if push.identity not in memory.identities:
            raise NotFound(f"no identity {push.identity}")
        return memory.let_wait(push)

    async def pushes(self, identities: Sequence[IdentityId]) -> list[PushRow]:
        memory = await self._begin()
        return [memory.pushes[key] for key in sorted(memory.pushes) if key[0] in identities]

    async def claim_pushes(self, *, now: datetime, until: datetime, limit: int) -> list[PushRow]:
        memory = await self._begin()
        free = [
            row
            for row in memory.pushes.values()
            if row.status is PushStatus.WAITING
            and row.due <= now
            and (row.held_until is None or row.held_until <= now)
        ]
        claimed = []
        for row in sorted(free, key=_order)[: max(limit, 0)]:
            held = row.model_copy(update={"held_until": until, "tries": row.tries + 1})
            memory.pushes[row.push.identity, row.push.field] = held
            claimed.append(held)
        return claimed

    async def end_push(self, end: PushEnd) -> bool:
        memory = await self._begin()
        key = (end.push.identity, end.push.field)
        row = memory.pushes.get(key)
        if row is None:
            return False
        if end.held_until is not None and row.held_until == end.held_until:
            row = row.model_copy(update={"held_until": None})
        same = (row.push.number, row.push.again) == (end.push.number, end.push.again)
        ended = same and row.status in _OPEN
        if ended:
            row = row.model_copy(
                update={"status": end.status, "due": end.due, "reason": end.reason}
            )
        memory.pushes[key] = row
        return ended

    async def next_push(self) -> datetime | None:
        memory = await self._begin()
        waiting = [row for row in memory.pushes.values() if row.status is PushStatus.WAITING]
        return min((max(row.due, row.held_until or row.due) for row in waiting), default=None)

    async def find_pushes(self, status: PushStatus, *, limit: int) -> list[PushRow]:
        memory = await self._begin()
        found = [row for row in memory.pushes.values() if row.status is status]
        return sorted(found, key=_order)[: max(limit, 0)]

    async def count_pushes(self) -> PushCounts:
        memory = await self._begin()
        statuses = [row.status for row in memory.pushes.values()]
        return PushCounts(
            waiting=statuses.count(PushStatus.WAITING), failed=statuses.count(PushStatus.FAILED)
        )

    async def begin_pull(self, name: str, *, now: datetime, until: datetime) -> Pull | None:
        memory = await self._begin()
        held, due, cursor = memory.pulls.get(name, (None, None, None))
        if (held is not None and held > now) or (due is not None and due > now):
            return None
        memory.pulls[name] = (until, due, cursor)
        return Pull(name=name, held_until=until, cursor=cursor)

    async def end_pull(self, pull: Pull, *, cursor: str | None, due: datetime) -> bool:
        memory = await self._begin()
        if memory.pulls[pull.name][0] != pull.held_until:
            return False
        memory.pulls[pull.name] = (None, due, cursor)
        return True


def _order(row: PushRow) -> tuple[int, str, str]:
    return row.push.number, row.push.identity, row.push.field
