"""Tells customers what the hub announces, beside what the web chat adapter sends them."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace

from bot.edge.parts import EdgeParts
from bot.edge.sockets.early import EarlySends
from bot.edge.sockets.present import Present
from bot.edge.sockets.shapes import Ack, ChatMessage, chat_message, document
from bot.edge.sockets.visitors import NAMESPACE, room_of
from bot.edge.sockets.waiting import Waiting
from bot.hub.desk import EntryView
from bot.hub.feed import Announcement, EventEnded, Missed, SendMoved, ThreadMoved
from bot.model.channel import Address
from bot.model.ids import IdentityId, SendId
from bot.model.people import ChannelIdentity
from bot.model.thread import (
    Entry,
    Linked,
    LinkRevealed,
    MessageOut,
    OwnerChanged,
    SendStatus,
    Unlinked,
)
from bot.model.value import Value

# Sends to other channels that are under way; the oldest are forgotten (a reconnect shows them).
_WAITING = 10_000
_UNDER_WAY = {SendStatus.QUEUED, SendStatus.SENDING}


@dataclass(frozen=True, kw_only=True)
class _Waiting:
    """A message under way: who is told here when it left, and who when it could not."""

    identity: IdentityId
    message: ChatMessage
    others: tuple[str, ...]
    rooms: tuple[str, ...]


class ChatFeed:
    """Turns announcements into events of `/chat`.

    Messages out to the web chat itself are the adapter's to show, after the gate; those to the
    customer's other channels are shown here once they have left. One that cannot be delivered is
    shown too, with its status; one that was dropped never is. How a send went may be heard before
    the message itself.
    """

    def __init__(self, parts: EdgeParts, present: Present, waiting: Waiting) -> None:
        self._in_queues = waiting
        self._live = parts.live
        self._present = present
        self._webchat = parts.webchat
        self._waiting: OrderedDict[SendId, _Waiting] = OrderedDict()
        self._early = EarlySends()

    def concerns(self, announcement: Announcement) -> bool:
        """Whether anybody in a browser can have to do with it (cheap: asked for all of them)."""
        if isinstance(announcement, SendMoved):
            return announcement.send.status not in _UNDER_WAY
        return isinstance(announcement, ThreadMoved) and any(
            one.address.channel == self._webchat for one in announcement.identities
        )

    async def tell(self, announcement: Announcement) -> None:
        """Tell the sockets it concerns."""
        match announcement:
            case ThreadMoved():
                await self._moved(announcement)
            case SendMoved():
                await self._sent(announcement)
            case EventEnded() | Missed():
                pass

    async def _moved(self, moved: ThreadMoved) -> None:
        browsers = [one for one in moved.identities if one.address.channel == self._webchat]
        rooms = tuple(room_of(one.address.user) for one in browsers)
        addresses = {one.id: one.address for one in moved.identities}
        if moved.parted:
            self._part(moved, rooms)
        if moved.parted or _any(moved, Unlinked, LinkRevealed):
            for one in browsers:
                await self._present.reset_all(one.address.user)
        for entry in moved.entries:
            await self._entry(entry, addresses[entry.identity], rooms, browsers)
        if moved.parted or _any(moved, OwnerChanged):
            shown = await self._in_queues.shown(moved.state, rooms=rooms)
            await self._tell(rooms, "owner", document(shown))
        if _any(moved, Linked, Unlinked, LinkRevealed):
            await self._tell(rooms, "linked", {})

    def _part(self, moved: ThreadMoved, rooms: tuple[str, ...]) -> None:
        """What is still under way to those who were the same customer is not for these any more."""
        own = {one.id for one in moved.identities}
        for send, waiting in list(self._waiting.items()):
            if waiting.identity not in own and {*waiting.others, *waiting.rooms} & {*rooms}:
                self._waiting[send] = replace(
                    waiting,
                    others=tuple(one for one in waiting.others if one not in rooms),
                    rooms=tuple(one for one in waiting.rooms if one not in rooms),
                )

    async def _entry(
        self,
        entry: Entry,
        address: Address,
        rooms: tuple[str, ...],
        browsers: list[ChannelIdentity],
    ) -> None:
        message = chat_message(EntryView(entry=entry, address=address), aside=True)
        if message is None:
            return
        if not isinstance(entry.body, MessageOut):
            await self._tell(rooms, "message", document(message))
            return
        others = tuple(room_of(one.address.user) for one in browsers if one.id != entry.identity)
        waiting = _Waiting(identity=entry.identity, message=message, others=others, rooms=rooms)
        ended = self._early.take(entry.body.send)
        if ended is not None:
            await self._ended(waiting, ended.status)
            return
        self._waiting[entry.body.send] = waiting
        if len(self._waiting) > _WAITING:
            self._waiting.popitem(last=False)

    async def _sent(self, moved: SendMoved) -> None:
        if moved.send.status in _UNDER_WAY:
            return
        waiting = self._waiting.pop(moved.send.send, None)
        if waiting is None:
            self._early.put(moved.send)
        else:
            await self._ended(waiting, moved.send.status)

    async def _ended(self, waiting: _Waiting, status: SendStatus) -> None:
        if status is SendStatus.DROPPED:
            return
        message = waiting.message.model_copy(update={"status": status})
        rooms = waiting.others if status is SendStatus.SENT else waiting.rooms
        await self._tell(rooms, "message", document(message))

    async def _tell(self, rooms: tuple[str, ...], event: str, data: Ack) -> None:
        for room in rooms:
            await self._live.emit_here(NAMESPACE, room, event, data)


def _any(moved: ThreadMoved, *kinds: type[Value]) -> bool:
    return any(isinstance(entry.body, kinds) for entry in moved.entries)
