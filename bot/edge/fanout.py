"""Socket.IO events for rooms whose sockets are spread over several processes."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue, ValidationError
from socketio.async_pubsub_manager import AsyncPubSubManager

from bot.hub.circle import Circle, Missed, Tally
from bot.model.value import Value
from bot.ports import Clock, Fanout

SUBJECT = "sockets"


class Emitted(Value):
    """One event for everybody in a room, but for the socket `skip`."""

    namespace: str
    room: str
    event: str
    data: JsonValue
    skip: str | None = None


class FanoutManager(AsyncPubSubManager):  # type: ignore[misc]  # the library is untyped
    """Python-socketio's client manager over our fan-out: emits reach the rooms of every process.

    Only emits travel, as JSON. Who is in which room is each process's own knowledge.
    """

    name = "fanout"

    def __init__(self, circle: Circle) -> None:
        # "write only" is what python-socketio calls a manager that does not start to listen by
        # itself: `listen` is run by whoever wants to know when it does.
        super().__init__(channel=SUBJECT, write_only=True)
        self._circle = circle

    async def listen(self, *, missed: Missed, clock: Clock) -> None:
        """Emit here what other processes emit, until cancelled."""
        await self._circle.listen(self._emitted, missed=missed, clock=clock)

    async def _emitted(self, body: bytes) -> None:
        try:
            told = Emitted.model_validate_json(body)
        except ValidationError as error:
            self._circle.unread(f"{error.error_count()} mistakes")  # not its text: it quotes
            return
        if next(self.get_participants(told.namespace, told.room), None) is None:
            return
        await self.emit(
            told.event,
            told.data,
            namespace=told.namespace,
            room=told.room,
            skip_sid=told.skip,
            ignore_queue=True,
        )

    async def _publish(self, data: Mapping[str, JsonValue]) -> None:
        """Called by python-socketio after it emitted here; raises BusError."""
        if data["method"] != "emit":
            return  # disconnect, enter_room ... of a socket that is in no process
        told = Emitted.model_validate(
            {
                "namespace": data["namespace"],
                "room": data["room"],
                "event": data["event"],
                "data": _single(data["data"]),
                "skip": data["skip_sid"],
            }
        )
        await self._circle.tell(told.model_dump_json().encode())


class FanoutEmitter:
    """Emits from a process that has no sockets of its own."""

    def __init__(self, fanout: Fanout, *, tally: Tally | None = None) -> None:
        self._circle = Circle(fanout, subject=SUBJECT, tally=tally)

    async def emit(self, namespace: str, room: str, event: str, data: JsonValue) -> None:
        """Send an event to everybody in a room, in every process; raises BusError."""
        told = Emitted(namespace=namespace, room=room, event=event, data=data)
        await self._circle.tell(told.model_dump_json().encode())


def _single(data: JsonValue) -> JsonValue:
    """The one argument of an emit, which python-socketio wraps in a list."""
    if not isinstance(data, list) or len(data) != 1:
        msg = "an event has one argument, a JSON value"
        raise TypeError(msg)
    return data[0]
