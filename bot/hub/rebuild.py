"""A thread's snapshot made anew from its entries."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

from bot.errors import StaleVersion
from bot.hub.fold import fold
from bot.model.ids import IdentityId, ThreadId
from bot.model.record import Span, ThreadRow
from bot.model.thread import Entry, ThreadState
from bot.ports import Store

_PAGE = 200
_LOOKS = 10


async def rebuilt(store: Store, thread: ThreadId) -> ThreadRow:
    """The thread with the state that its entries add up to; reads all of them."""
    turn = await store.turn(thread)
    state = ThreadState(thread=turn.state.thread, version=turn.state.version)
    among = [identity.id for identity in turn.identities]
    links = {made.link.id for made in await store.links(among)}
    async for page in entry_pages(store, among):
        state = fold(state, page, links=links)
    return ThreadRow(state=state, identities=turn.identities)


async def entry_pages(
    store: Store, identities: Sequence[IdentityId]
) -> AsyncIterator[Sequence[Entry]]:
    """All entries of these identities, oldest first, in pages: never all at once in memory."""
    spans = [Span(identity=identity) for identity in identities]
    after = 0
    while entries := await store.entries(spans, after=after, limit=_PAGE):
        yield entries
        after = entries[-1].seq


async def rebuild_all(store: Store) -> list[ThreadId]:
    """Replace every snapshot that differs from its entries; returns the threads that did.

    Threads may move meanwhile: one that does is looked at again. Raises StaleVersion for one that
    will not hold still.
    """
    return [thread for thread in await store.thread_ids() if await _mended(store, thread)]


async def _mended(store: Store, thread: ThreadId) -> bool:
    for _ in range(_LOOKS):
        row = await rebuilt(store, thread)
        kept = (await store.turn(thread)).state
        if row.state == kept:
            return False
        if row.state.version != kept.version:
            continue
        with suppress(StaleVersion):
            await store.put_state(row)
            return True
    raise StaleVersion(f"thread {thread} keeps moving")
