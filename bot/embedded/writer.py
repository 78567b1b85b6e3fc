"""The one writer: a thread that commits everything that queued up as one transaction."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Generic, Protocol, TypeVar

import apsw
import structlog

from bot.errors import SamtalError, StoreClosed, StoreError

_log = structlog.get_logger(__name__)

T = TypeVar("T")

# Bounds how long the first of a batch waits for the last.
_BATCH = 256


class _Job(Protocol):
    """One item of a batch, whatever the type of its result."""

    loop: asyncio.AbstractEventLoop

    def run(self, connection: apsw.Connection) -> None: ...
    def fail(self, error: BaseException) -> None: ...
    def failed(self) -> bool: ...
    def settle(self) -> None: ...
    def follow(self) -> None: ...


class _Item(Generic[T]):
    """One caller's work, and what came of it. `future` is None when nobody waits."""

    __slots__ = ("_after", "_error", "_future", "_result", "_work", "loop")

    def __init__(
        self,
        work: Callable[[apsw.Connection], T],
        *,
        after: Callable[[T], None] | None,
        loop: asyncio.AbstractEventLoop,
        future: asyncio.Future[T] | None,
    ) -> None:
        self.loop = loop
        self._work = work
        self._after = after
        self._future = future
        self._result: list[T] = []
        self._error: BaseException | None = None

    def run(self, connection: apsw.Connection) -> None:
        """Do the work, in the writer's transaction."""
        self._result.append(self._work(connection))

    def fail(self, error: BaseException) -> None:
        """The work had no effect; the first reason given counts."""
        self._error = self._error or error

    def failed(self) -> bool:
        """Whether the work had no effect."""
        return self._error is not None

    def settle(self) -> None:
        """Tell the caller, who may have been cancelled meanwhile; on the caller's loop."""
        if self._future is None:
            if self._error is not None:
                _log.warning("store.write_lost", error=type(self._error).__name__)
        elif not self._future.done():
            if self._error is not None:
                self._future.set_exception(self._error)
            else:
                self._future.set_result(self._result[0])

    def follow(self) -> None:
        """Do what was to follow the commit; on the caller's loop."""
        if self._after is not None and self._error is None:
            self._after(self._result[0])


class Writer:
    """Runs work in the order it was submitted, many callers' work to one commit.

    Each caller's work has a savepoint of its own: its error undoes only its own changes.
    """

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._waiting: SimpleQueue[_Job | None] = SimpleQueue()
        self._closing = False
        self._stopped = False
        # A daemon: whoever forgets to close it must not hang; nothing acknowledged is at risk.
        self._thread = threading.Thread(target=self._run, name="samtal-writer", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether it takes work: not closed, and not dead."""
        return not (self._closing or self._stopped)

    def submit(
        self,
        work: Callable[[apsw.Connection], T],
        *,
        after: Callable[[T], None] | None = None,
    ) -> asyncio.Future[T]:
        """Queue work; the future has its result once it is durable.

        `after` is called on this event loop after the commit, in the order of the commits, also
        when the caller was cancelled. Raises StoreClosed.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._put(_Item(work, after=after, loop=loop, future=future))
        return future

    def post(self, work: Callable[[apsw.Connection], None]) -> None:
        """Queue work that nobody waits for; raises StoreClosed."""
        loop = asyncio.get_running_loop()
        self._put(_Item(work, after=None, loop=loop, future=None))

    async def finish(self) -> None:
        """Commit what was submitted and take no more."""
        if self._closing:
            return
        last = self.submit(_nothing)
        self._closing = True
        await last

    def join(self) -> None:
        """End the thread and close its connection."""
        self._closing = True
        self._waiting.put(None)
        self._thread.join()

    def _put(self, item: _Job) -> None:
        if self._closing or self._stopped:
            raise StoreClosed("the database is closed, or its writer has died: see the log")
        self._waiting.put(item)
        if self._stopped:  # it died between the look and the put
            self._drop_waiting()

    def _run(self) -> None:
        try:
            while batch := self._take():
                try:
                    self._commit(batch)
                except BaseException:  # whatever kills the thread: those who wait must hear of it
                    _fail_all(batch, StoreClosed("the database's writer has died: see the log"))
                    raise
                finally:
                    _hand_back(batch)
        except BaseException as error:  # noqa: BLE001 - a thread's outermost loop: nobody else sees it
            _log.critical("store.writer_died", error=type(error).__name__, detail=str(error))
        finally:
            self._stopped = True
            self._drop_waiting()
            self._connection.close()

    def _take(self) -> list[_Job]:
        """Everything that waits, at least one; empty when it is time to stop."""
        first = self._waiting.get()
        if first is None:
            return []
        batch = [first]
        try:
            while len(batch) < _BATCH:
                item = self._waiting.get_nowait()
                if item is None:
                    self._waiting.put(None)
                    break
                batch.append(item)
        except Empty:
            pass
        return batch

    def _commit(self, batch: Sequence[_Job]) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for item in batch:
                _run_one(self._connection, item)
            self._connection.execute("COMMIT")
        except apsw.Error as error:
            lost = StoreError(f"the database could not write: {error}")
            lost.__cause__ = error
            _fail_all(batch, lost)
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _drop_waiting(self) -> None:
        dropped: list[_Job] = []
        try:
            while True:
                item = self._waiting.get_nowait()
                if item is not None:
                    item.fail(StoreClosed("the database was closed before this was written"))
                    dropped.append(item)
        except Empty:
            _hand_back(dropped)


def _run_one(connection: apsw.Connection, item: _Job) -> None:
    connection.execute("SAVEPOINT item")
    try:
        item.run(connection)
    except SamtalError as error:
        item.fail(error)
    except apsw.Error as error:
        wrapped = StoreError(f"the database refused: {error}")
        wrapped.__cause__ = error
        item.fail(wrapped)
    except Exception as error:  # noqa: BLE001 - it is the caller's, and goes to the caller
        item.fail(error)
    if item.failed():
        connection.execute("ROLLBACK TO item")
    connection.execute("RELEASE item")


def _fail_all(batch: Sequence[_Job], error: StoreError) -> None:
    for item in batch:
        item.fail(error)


def _hand_back(batch: Sequence[_Job]) -> None:
    """Wake each event loop once for all of its items."""
    loops = {item.loop for item in batch}
    for loop in loops:
        mine = batch if len(loops) == 1 else [item for item in batch if item.loop is loop]
        try:
            loop.call_soon_threadsafe(_settle, mine)
        except RuntimeError:  # the loop is closed: nobody waits there any more
            continue


def _settle(batch: Sequence[_Job]) -> None:
    for item in batch:
        item.settle()
    for item in batch:
        item.follow()


def _nothing(_connection: apsw.Connection) -> None:
    """Nothing to write: only to be after everything else."""
