"""The way out to the CRM: corrections that wait are told, one after another for each customer."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final

import structlog

from bot.hub.agreeing import Agreeing
from bot.hub.driving import driven
from bot.hub.outbox import next_wait
from bot.hub.persisting import wholly
from bot.hub.settings import HubSettings
from bot.model.crm import PushEnd, PushRow, PushStatus
from bot.model.ids import IdentityId
from bot.model.sending import Failure, FailureKind, Refused, Retry, Sent
from bot.ports import Clock, Store, Wire
from bot.ports.crm import Crm

log = structlog.get_logger("samtal.crm")

_EVERY: Final = timedelta(seconds=1)
# No call takes so long; whoever died while making one has its push made again after it, under the
# same key.
_HOLD: Final = timedelta(seconds=90)
_AT_ONCE: Final = 16


class CrmPushes:
    """Claims pushes that are due and makes them; what is refused stays, with the reason."""

    def __init__(  # noqa: PLR0913 - what it stands on
        self,
        crm: Crm,
        *,
        store: Store,
        wire: Wire,
        clock: Clock,
        agreeing: Agreeing,
        settings: HubSettings,
    ) -> None:
        self.observe: Callable[[PushStatus], None] | None = None
        self._crm = crm
        self._store = store
        self._wire = wire
        self._clock = clock
        self._agreeing = agreeing
        self._settings = settings

    async def run(self) -> None:
        """Do so until cancelled."""
        while True:
            due = await self._store.next_push()
            if due is not None and due <= self._clock.now():
                made = await wholly(self.make_due(), grace=self._settings.stop_grace)
                if made:
                    continue
            await self._clock.sleep(_EVERY)

    async def make_due(self) -> int:
        """Make some of those that are due; returns how many."""
        now = self._clock.now()
        claimed = await self._store.claim_pushes(now=now, until=now + _HOLD, limit=_AT_ONCE)
        of_each: defaultdict[IdentityId, list[PushRow]] = defaultdict(list)
        for row in claimed:
            of_each[row.push.identity].append(row)
        # All end, also when the store fails one of them.
        made = await asyncio.gather(*map(self._make_all, of_each.values()), return_exceptions=True)
        for failed in made:
            if failed is not None:
                raise failed
        return len(claimed)

    async def _make_all(self, rows: Iterable[PushRow]) -> None:
        for row in rows:
            await self._make(row)

    async def _make(self, row: PushRow) -> None:
        began = self._clock.now()
        ended = await self._delivered(row)
        now = self._clock.now()
        status, due, reason = PushStatus.TAKEN, now, ""
        if isinstance(ended, Retry):
            due = now + next_wait(row.tries, told=ended.after)
            status, reason = PushStatus.WAITING, _said(ended.failure)
        elif isinstance(ended, Refused):
            status, reason = PushStatus.FAILED, _said(ended.failure)
        await self._settle(row, status, due=due, reason=reason, began=began)

    async def _settle(
        self, row: PushRow, status: PushStatus, *, due: datetime, reason: str, began: datetime
    ) -> None:
        if status is PushStatus.TAKEN:
            await self._agreeing.taken(row.push, at=began)
        await self._store.end_push(
            PushEnd(push=row.push, status=status, due=due, reason=reason, held_until=row.held_until)
        )
        if self.observe is not None:
            self.observe(status)
        write = log.info if status is PushStatus.TAKEN else log.warning
        write(
            "pushed",
            crm=self._crm.terms.name,
            field=row.push.field,
            identity=row.push.identity,
            status=status,
            reason=reason,
            tries=row.tries,
        )

    async def _delivered(self, row: PushRow) -> Sent | Retry | Refused:
        field = self._crm.terms.field(row.push.field)
        if field is None or not field.pushed:
            gone = "the field is not pushed any more"
            return Refused(failure=Failure(kind=FailureKind.CONFIG, message=gone))
        return await driven(self._wire, self._crm.push(row.push, field))


def _said(failure: Failure) -> str:
    return f"{failure.code}: {failure.message}" if failure.code else failure.message
