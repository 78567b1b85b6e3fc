"""Asks the CRM, now and then and on one machine at a time, what changed there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog
from pydantic import JsonValue

from bot.hub.driving import driven
from bot.hub.facts import FactIntake, FactStatus
from bot.hub.fields import TIER
from bot.hub.knowing import Knowing
from bot.hub.persisting import wholly
from bot.hub.settings import HubSettings
from bot.hub.telling import Misfit, ToldFact, read_told
from bot.model.crm import FieldTold, Pull, PullFailed, Record, RecordPage
from bot.model.ids import FactId
from bot.ports import Clock, Store, Wire
from bot.ports.crm import Crm

log = structlog.get_logger("samtal.crm")

_LOOK_AGAIN: Final = timedelta(seconds=5)
_AFTER_TROUBLE: Final = timedelta(minutes=1)
_HOLD: Final = timedelta(minutes=5)
# A page begins only while there is so much left of the turn.
_A_PAGE: Final = timedelta(minutes=2)
_AT_ONCE: Final = 500


class CrmPulls:
    """Takes its turn, asks page by page, and has each word judged as one that was told."""

    def __init__(  # noqa: PLR0913 - what it stands on
        self,
        crm: Crm,
        *,
        store: Store,
        wire: Wire,
        clock: Clock,
        facts: FactIntake,
        knowing: Knowing,
        settings: HubSettings,
    ) -> None:
        self._crm = crm
        self._store = store
        self._wire = wire
        self._clock = clock
        self._facts = facts
        self._knowing = knowing
        self._settings = settings

    async def run(self) -> None:
        """Do so until cancelled; without an interval never."""
        every = self._crm.terms.pull_every
        while every is not None:
            await wholly(self.pull_due(), grace=self._settings.stop_grace)
            await self._clock.sleep(min(every, _LOOK_AGAIN))

    async def pull_due(self) -> int:
        """Ask, if it is time and the turn is ours; returns how many records were answered."""
        every, name = self._crm.terms.pull_every, self._crm.terms.name
        now = self._clock.now()
        pull = None
        if every is not None:
            pull = await self._store.begin_pull(name, now=now, until=now + _HOLD)
        if every is None or pull is None:
            return 0
        count, cursor, wait = await self._pages(pull, every=every)
        await self._store.end_pull(pull, cursor=cursor, due=self._clock.now() + wait)
        return count

    async def _pages(self, pull: Pull, *, every: timedelta) -> tuple[int, str | None, timedelta]:
        """How many records were answered, where that ended, and how long to wait."""
        count, cursor = 0, pull.cursor
        while self._clock.now() + _A_PAGE < pull.held_until:
            asked_at = self._clock.now()
            page = await driven(self._wire, self._crm.changed(cursor))
            if isinstance(page, PullFailed):
                log.warning("pull failed", crm=pull.name, reason=page.reason)
                return count, cursor, page.after or min(every, _AFTER_TROUBLE)
            await self._take(page, asked_at=asked_at)
            count, cursor = count + len(page.records), page.cursor
            if not page.more:
                return count, cursor, every
        return count, cursor, timedelta()

    async def _take(self, page: RecordPage, *, asked_at: datetime) -> None:
        for reason in page.unread:
            log.warning("record not read", crm=self._crm.terms.name, reason=reason)
        told = [self._told(record, field) for record in page.records for field in record.fields]
        for start in range(0, len(told), _AT_ONCE):
            await self._take_some(told[start : start + _AT_ONCE], asked_at=asked_at)

    async def _take_some(self, told: Sequence[ToldFact | Misfit], *, asked_at: datetime) -> None:
        for result in await self._facts.take(told, asked_at=asked_at):
            if result.status in {FactStatus.REFUSED, FactStatus.HELD}:
                wrong = "; ".join(one.line for one in result.wrong)
                log.warning("field not taken", crm=self._crm.terms.name, reason=wrong)

    def _told(self, record: Record, field: FieldTold) -> ToldFact | Misfit:
        """What a field of a record says, as if it had been told."""
        version = record.version or record.changed_at.isoformat()
        fact: dict[str, JsonValue] = {
            "source": self._crm.terms.source,
            "id": f"{field.key}.{FactId.of(record.id, field.key, version, field.value)}",
            "subject": {"realm": self._crm.terms.realm, "sub": record.id},
            "at": record.changed_at.isoformat(),
            "version": 1,
        }
        if field.key == TIER:
            data: JsonValue = {"programme": self._knowing.programme, "tier": field.value}
            return read_told({**fact, "kind": "tier_changed", "data": data})
        data = {"key": field.key, "value": field.value}
        return read_told({**fact, "kind": "attribute", "data": data})
