"""One connection to one NATS server, from its beginning to its loss; it never comes back."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from typing_extensions import override

from bot.buses.retrying import cancellations, heed_cancelling
from bot.errors import BusError, ConfigError

PORT = 4222
# What the server has not taken yet. Beyond it a message is refused instead of kept in memory;
# below the client's own limit, where it would wait, and swallow a cancellation meanwhile.
_MOST_UNSENT = 8 * 2**20
_CLIENT_LIMIT = 2 * _MOST_UNSENT

# Every trouble of the client's, a time-out among them. Where the standard loop lets a write to a
# closed transport pass, uvloop raises a RuntimeError.
TROUBLE = (nats.errors.Error, OSError, TimeoutError, RuntimeError)

T = TypeVar("T")
Heard = Callable[[Msg], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where a server is and what it is told; only the place is ever shown."""

    place: str
    scheme: str
    user: str | None
    password: str | None
    token: str | None

    @override
    def __repr__(self) -> str:
        return f"Server({self.place})"

    @classmethod
    def of(cls, url: str) -> Server:
        """Read `nats://[user:password@|token@]host[:port]`, or `tls://`; raises ConfigError."""
        parts = _split(url)
        user = None if parts.username is None else unquote(parts.username)
        password = None if parts.password is None else unquote(parts.password)
        host = parts.hostname or ""
        host = f"[{host}]" if ":" in host else host
        return cls(
            place=f"{host}:{parts.port or PORT}",
            scheme=parts.scheme,
            user=user if password is not None else None,
            password=password,
            token=user if password is None else None,
        )


def _split(url: str) -> SplitResult:
    # The URL may hold a password: no error repeats it.
    wrong = ConfigError(
        "not the URL of a NATS server",
        where="[bus] servers",
        mend="Write it as nats://host:4222, with user:password@ before the host if needed.",
    )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise wrong from None
    if parts.scheme not in {"nats", "tls"} or not parts.hostname or port == 0:
        raise wrong
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise wrong
    return parts


@contextmanager
def told_as_bus_error(what: str) -> Iterator[None]:
    """Turn the client's trouble into a BusError that says what could not be done."""
    try:
        yield
    except TROUBLE as error:
        raise BusError(f"{what}: {said_by(error)}") from error


def said_by(error: BaseException) -> str:
    """What an error of the client's says, in a few words."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(error).removeprefix("nats: ") or type(error).__name__


class Link:
    """A connection that is up until `lost` is set.

    Everything that is sent over it arrives in the order it was sent, or not at all.
    """

    def __init__(self, place: str) -> None:
        self.place = place
        self.lost = asyncio.Event()
        self._client = Client()
        self._inbox = ""
        self._numbers = itertools.count()
        self._asked: dict[str, asyncio.Future[Msg]] = {}
        self._trouble: BaseException | None = None

    @property
    def client(self) -> Client:
        """The client library's own, for what it does well."""
        return self._client

    @property
    def max_payload(self) -> int:
        """The largest message that the server takes, in bytes."""
        return int(self._client.max_payload)

    # --- beginning and end --------------------------------------------------------------------

    @classmethod
    async def open(cls, server: Server, *, name: str, patience: timedelta) -> Link:
        """Connect to one server; raises BusError when it does not answer or refuses us."""
        link = cls(server.place)
        before = cancellations()
        try:
            async with asyncio.timeout(patience.total_seconds()):
                await link._connect(server, name)
            heed_cancelling(before)
        except (*TROUBLE, ValueError) as error:  # a ValueError where something else answers
            await link.abandon()
            # The library tells the first trouble to its callback and raises "no servers".
            told = error if isinstance(error, TimeoutError) else link._trouble or error
            raise BusError(f"no NATS at {server.place}: {said_by(told)}") from None
        except BaseException:  # whatever it was, it must not leave a socket behind
            await link.abandon()
            raise
        return link

    async def _connect(self, server: Server, name: str) -> None:
        # Reconnecting is ours: the library's gives up for ever on most of what a server may say,
        # waits without end for a cut connection to close, and forgets pulls.
        await self._client.connect(
            f"{server.scheme}://{server.place}",
            name=name,
            user=server.user,
            password=server.password,
            token=server.token,
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            pending_size=_CLIENT_LIMIT,
            error_cb=self._on_error,
            closed_cb=self._on_closed,
        )
        self._inbox = self._client.new_inbox()
        await self._client.subscribe(f"{self._inbox}.*", cb=self._on_answer)
        await self._ask_self()

    async def close(self, *, patience: timedelta) -> None:
        """Let what was sent arrive, then end."""
        with suppress(BusError):
            await self.round_trip(patience=patience)
        await self.abandon()

    async def abandon(self) -> None:
        """End now, whatever was on its way."""
        self._lose()
        self._drop()
        # A connection that never came to be has no more to close than its transport.
        with suppress(*TROUBLE, AssertionError):
            async with asyncio.timeout(1.0):
                await self._client.close()
        # Where the connection broke while it was being closed, the library stops half-way.
        for subscription in list(self._client._subs.values()):  # noqa: SLF001 - nothing else can
            subscription._stop_processing()  # noqa: SLF001 - as above

    def _drop(self) -> None:
        """Drop the socket: in order, it would close when a cut network has taken what is unsent."""
        transport = self._client._transport  # noqa: SLF001 - the library has no other way
        writer = getattr(transport, "_io_writer", None)
        if writer is not None:
            writer.transport.abort()

    def _lose(self) -> None:
        self.lost.set()
        for future in list(self._asked.values()):
            if not future.done():
                future.set_exception(BusError(f"lost NATS at {self.place}"))

    async def _on_closed(self) -> None:
        self._lose()

    async def _on_error(self, error: Exception) -> None:
        self._trouble = self._trouble or error
        # The library does not always come to say that it is closed. And what it drops because we
        # are too slow is lost without a word, so we begin anew.
        if isinstance(error, (nats.errors.UnexpectedEOF, nats.errors.SlowConsumerError, OSError)):
            self._lose()

    # --- sending ------------------------------------------------------------------------------

    async def send(
        self, subject: str, payload: bytes = b"", *, reply: str = "", event: str | None = None
    ) -> None:
        """Hand a message over to be sent; raises BusError, and then it never is.

        `event` makes the server drop what it has seen lately. Does not wait for anything.
        """
        if self.lost.is_set():
            raise BusError(f"lost NATS at {self.place}")
        if len(payload) > self.max_payload:
            raise BusError(
                f"a message of {len(payload)} bytes is more than NATS at {self.place} takes: "
                f"{self.max_payload} bytes. Raise max_payload there"
            )
        if self._client.pending_data_size > _MOST_UNSENT:
            raise BusError(f"NATS at {self.place} is too slow: {_MOST_UNSENT} bytes wait to leave")
        headers = None if event is None else {"Nats-Msg-Id": event}
        with told_as_bus_error(f"cannot send to NATS at {self.place}"):
            await self._client.publish(subject, payload, reply=reply, headers=headers)

    async def ask(
        self, subject: str, payload: bytes = b"", *, event: str | None = None
    ) -> asyncio.Future[Msg]:
        """Send a question; the future is its answer, or BusError once the link is lost.

        Whoever gives up waiting cancels the future.
        """
        token = str(next(self._numbers))
        answer: asyncio.Future[Msg] = asyncio.get_running_loop().create_future()
        self._asked[token] = answer
        answer.add_done_callback(lambda _: self._asked.pop(token, None))
        try:
            await self.send(subject, payload, reply=f"{self._inbox}.{token}", event=event)
        except BaseException:  # whatever it was, nobody will wait for the answer
            answer.cancel()
            raise
        return answer

    async def _on_answer(self, message: Msg) -> None:
        answer = self._asked.get(message.subject.rpartition(".")[2])
        if answer is not None and not answer.done():
            answer.set_result(message)

    async def round_trip(self, *, patience: timedelta) -> None:
        """Return when the server has taken everything sent before; raises BusError."""
        try:
            async with asyncio.timeout(patience.total_seconds()):
                await self._ask_self()
        except TimeoutError:
            raise BusError(f"no answer from NATS at {self.place}") from None

    async def _ask_self(self) -> None:
        # The library's own ping overtakes what waits to be sent, so its answer tells nothing.
        token = str(next(self._numbers))
        answer: asyncio.Future[Msg] = asyncio.get_running_loop().create_future()
        self._asked[token] = answer
        answer.add_done_callback(lambda _: self._asked.pop(token, None))
        try:
            await self.send(f"{self._inbox}.{token}")
            await answer
        finally:
            answer.cancel()

    async def unless_lost(self, doing: Coroutine[object, object, T]) -> T:
        """What the client library does, but no longer than there is a link; raises BusError.

        The library itself would sit out its time-out; and before Python 3.12 it may keep a
        cancellation to itself.
        """
        task = asyncio.create_task(doing)
        lost = asyncio.create_task(self.lost.wait())
        try:
            await asyncio.wait({task, lost}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise BusError(f"lost NATS at {self.place}")
            return task.result()
        finally:
            lost.cancel()
            task.cancel()
            await asyncio.gather(task, lost, return_exceptions=True)

    # --- listening ----------------------------------------------------------------------------

    async def subscribe(self, subject: str, heard: Heard) -> Subscription:
        """Have a function called for each message of a subject; raises BusError.

        The server knows of it after a `round_trip`.
        """
        if self.lost.is_set():
            raise BusError(f"lost NATS at {self.place}")
        with told_as_bus_error(f"cannot listen at NATS at {self.place}"):
            return await self._client.subscribe(subject, cb=heard)
