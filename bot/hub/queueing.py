"""Where those stand who wait for a human, and how long it may take; counted no further than 100."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from bot.model.ids import ThreadId
from bot.model.thread import Entry, Offered, OwnedByAgent, OwnerChanged, ThreadState
from bot.ports import Store

COUNTED: Final = 100
_LATELY = timedelta(minutes=30)
_ENOUGH = 5  # acceptances, below which nothing is said of how long it takes
_REMEMBERED = 20  # acceptances of a queue
_FOLLOWED = 10_000  # threads that wait; the oldest are forgotten
_LONGEST = 60  # minutes; beyond, a number would say more than anybody knows


def place_in(queue: Sequence[ThreadId], thread: ThreadId) -> int | None:
    """A thread's place in the first `COUNTED` of a queue, one more for anywhere behind them.

    None when it does not wait there.
    """
    if thread in queue:
        return queue.index(thread) + 1
    return COUNTED + 1 if len(queue) >= COUNTED else None


async def place_of(state: ThreadState, store: Store) -> int | None:
    """The place of a thread in the queue that it is offered to, see `place_in`."""
    owner = state.owner
    if not isinstance(owner, Offered):
        return None
    return place_in(await store.queue(owner.queue, most=COUNTED), state.thread)


class Acceptances:
    """When those who waited were accepted lately, as far as this process has heard."""

    def __init__(self) -> None:
        self._queues: OrderedDict[ThreadId, str] = OrderedDict()
        self._taken: defaultdict[str, deque[datetime]] = defaultdict(
            lambda: deque(maxlen=_REMEMBERED)
        )

    def hear(self, thread: ThreadId, entries: Sequence[Entry]) -> None:
        """Note who begins to wait and who is accepted."""
        for entry in entries:
            if isinstance(entry.body, OwnerChanged):
                self._changed(thread, entry.body, at=entry.at)

    def _changed(self, thread: ThreadId, change: OwnerChanged, *, at: datetime) -> None:
        waited = self._queues.pop(thread, None)
        if isinstance(change.owner, Offered):
            self._queues[thread] = change.owner.queue
            if len(self._queues) > _FOLLOWED:
                self._queues.popitem(last=False)
        elif isinstance(change.owner, OwnedByAgent) and waited is not None:
            self._taken[waited].append(at)

    def minutes(self, queue: str, place: int, *, now: datetime) -> int | None:
        """About how long the one at this place will wait; None when nobody can know.

        It goes on as it has gone lately: the time since the first of the acceptances that count,
        shared among those that followed it. While nobody is accepted, it grows.
        """
        taken = [at for at in self._taken.get(queue, ()) if now - at <= _LATELY]
        if len(taken) < _ENOUGH or place > COUNTED:
            return None
        each = (now - min(taken)) / (len(taken) - 1)
        minutes = max(1, ceil(place * each / timedelta(minutes=1)))
        return minutes if minutes <= _LONGEST else None
