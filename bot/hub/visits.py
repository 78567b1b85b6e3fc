"""Pages that a visitor sees, kept as facts about the visitor: with nobody else, until proof."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from bot.hub.ingress import Ingress
from bot.hub.traffic import page_of, traffic
from bot.model.channel import Address
from bot.model.event import VisitorSeen
from bot.model.fact import Fact, Visited
from bot.model.ids import EventId, FactId
from bot.model.record import Arrival, IdentitySeed
from bot.model.value import Value
from bot.ports import Clock, Store

_DAY: Final = timedelta(days=1)
SOURCE: Final = "webchat"


class Visit(Value):
    """One page seen in a browser, as the browser tells it; `id` is the browser's own."""

    id: str
    url: str
    title: str = ""
    referrer: str = ""
    device: str | None = None
    time_zone: str | None = None
    place: str | None = None


class Visits:
    """Keeps visits, so many for a visitor and a day."""

    def __init__(self, *, store: Store, ingress: Ingress, clock: Clock) -> None:
        self._store = store
        self._ingress = ingress
        self._clock = clock

    async def keep(self, address: Address, visit: Visit, *, a_day: int) -> bool:
        """Keep a visit, once by its id; False when it is not kept.

        Of the address only host, path and campaign are kept. Somebody who has never written gets
        an identity at the first visit.
        """
        page = page_of(visit.url)
        if page is None or not a_day:
            return False
        identity, now = address.identity, self._clock.now()
        if await self._store.count_attempt(f"visits:{identity}", now=now, window=_DAY) > a_day:
            return False
        if await self._store.identity(identity) is None:
            await self._ingress.submit([_first_sight(address, at=now)])
        came = traffic(visit.url, visit.referrer)
        body = Visited(
            page=page,
            title=visit.title,
            source=came.source,
            referrer=came.referrer,
            campaign=came.campaign,
            device=visit.device,
            time_zone=visit.time_zone,
            place=visit.place,
        )
        fact = Fact(
            id=FactId.of("visit", identity, visit.id),
            identity=identity,
            at=now,
            received_at=now,
            source=SOURCE,
            body=body,
        )
        await self._store.put_facts([fact])
        return True


def _first_sight(address: Address, *, at: datetime) -> Arrival:
    return Arrival(
        id=EventId.of("visitor_seen", address.identity),
        identity=address.identity,
        seed=IdentitySeed(address=address),
        at=at,
        body=VisitorSeen(),
    )
