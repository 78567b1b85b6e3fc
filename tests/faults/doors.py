"""The balancer before the edges: which of them takes a sender's messages.

A sender is bound to one edge. What is promised about order:
* what one edge has accepted is recorded in the order of its 2xx, also while the database is away
  (then it waits in that edge's spool);
* across edges the order holds for what is recorded, not for what still waits in a spool.
So a sender whose edge does not answer may go to another one as soon as everything that was accepted
from it is recorded and nothing of it is on its way there, and stays (and waits) until then. A
balancer that moves senders blindly risks the order of the few messages in a dead edge's spool,
never the messages.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from collections import Counter, defaultdict

from typing_extensions import override

from bot.errors import SamtalError
from bot.model.ids import EventId
from bot.ports import Store
from tests.bench import twilio
from tests.crash.facts import Posted
from tests.crash.load import Door
from tests.faults.estate import WEBCHAT, Node

_PATIENCE = 8.0  # seconds until a webhook counts as not answered
_SILENT = 1.5  # seconds of failures after which senders look for another edge
_LOOK = 1.0  # seconds that a look into the store may take


class EdgeDoor(Door):
    """An edge, and whether it answers."""

    def __init__(self, node: Node) -> None:
        super().__init__(node.host, node.port, name=node.name, patience=_PATIENCE)
        self._failing_since: float | None = None

    @property
    def silent(self) -> bool:
        """Whether it has not answered for a while."""
        since = self._failing_since
        return since is not None and time.monotonic() - since > _SILENT

    @override
    async def post(self, request: twilio.Signed) -> int:
        status = await super().post(request)
        if status:
            self._failing_since = None
        elif self._failing_since is None:
            self._failing_since = time.monotonic()
        return status


class Balancer:
    """Binds each sender to an edge, and moves it when that is safe."""

    def __init__(self, doors: list[EdgeDoor], store: Store) -> None:
        self.moves = 0
        self._doors = doors
        self._store = store
        self._bound: dict[str, int] = {}
        self._unproven: dict[str, list[EventId]] = defaultdict(list)
        self._under_way: Counter[str] = Counter()

    async def of(self, sender: str) -> Door:
        """The door for the next try."""
        place = self._bound.setdefault(sender, zlib.crc32(sender.encode()) % len(self._doors))
        other = (place + 1) % len(self._doors)
        better = self._doors[place].silent and not self._doors[other].silent
        if better and await self.all_recorded(sender) and self._may_leave(sender, place):
            self._bound[sender] = other
            self.moves += 1
        return self._doors[self._bound[sender]]

    def _may_leave(self, sender: str, place: int) -> bool:
        """Another message may have moved the sender meanwhile, or be on its way to be accepted."""
        return self._bound[sender] == place and not self._under_way[sender]

    async def post(self, door: Door, sender: str, request: twilio.Signed) -> int:
        """Try it there, unless the sender has moved while this waited for room."""
        if door is not self._doors[self._bound[sender]]:
            return 0
        self._under_way[sender] += 1
        try:
            return await door.post(request)
        finally:
            self._under_way[sender] -= 1

    def took(self, one: Posted) -> None:
        """A message was accepted; whether it is recorded nobody knows yet."""
        self._unproven[one.sender].append(event_of(one))

    async def all_recorded(self, sender: str) -> bool:
        """Whether everything that was accepted from this sender was worked off."""
        waiting = self._unproven[sender]
        try:
            async with asyncio.timeout(_LOOK):
                for event in tuple(waiting):  # others may look at the same time
                    if await self._store.outcome(event) is None:
                        return False
                    if event in waiting:
                        waiting.remove(event)
        except (SamtalError, TimeoutError):
            return False
        return not waiting  # one may have been accepted meanwhile

    def close(self) -> None:
        """End the connections."""
        for door in self._doors:
            door.client.close()


def event_of(one: Posted) -> EventId:
    """The event that a message becomes."""
    if one.sender.startswith("+"):
        return EventId.of("twilio_sms", twilio.ACCOUNT, "inbound", one.sid)
    return EventId.of("webchat", WEBCHAT, "inbound", f"{one.sender}:{one.sid}")
