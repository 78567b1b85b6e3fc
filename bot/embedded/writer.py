"""The one writer: work runs on the event loop, and a thread makes many callers' work durable.

The statements of a write take some ten microseconds each: less than handing each of them the
interpreter from thread to thread would cost. What takes milliseconds is the commit, which waits for
the disk: that alone happens on a thread, and what is submitted meanwhile is the next transaction.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Generic, Protocol, TypeVar

import apsw
import structlog

from bot.errors import SamtalError, StoreClosed, StoreError

_log = structlog.get_logger(__name__)

T = TypeVar("T")

# Bound how long the event loop is held, and how long the first of a batch waits for the last.
_HELD = 0.003  # seconds
_BATCH = 256
# Another process (a command beside the server) may be writing: look again, but not for ever.
_BUSY_AGAIN = 0.005  # seconds
_BUSY_LOOKS = 1000


class _Job(Protocol):
    """One item of a batch, whatever the type of its result."""

    def run(self, connection: apsw.Connection) -> None: ...
    def afresh(self) -> None: ...
    def fail(self, error: BaseException) -> None: ...
    def failed(self) -> bool: ...
    def settle(self) -> None: ...
    def follow(self) -> None: ...


class _Item(Generic[T]):
    """One caller's work, and what came of it. `future` is None when nobody waits."""

    __slots__ = ("_after", "_error", "_future", "_result", "_work")

    def __init__(
        self,
        work: Callable[[apsw.Connection], T],
        *,
        after: Callable[[T], None] | None,
        future: asyncio.Future[T] | None,
    ) -> None:
        self._work = work
        self._after = after
        self._future = future
        self._result: list[T] = []
        self._error: BaseException | None = None

    def run(self, connection: apsw.Connection) -> None:
        """Do the work, in the writer's transaction."""
        self._result.append(self._work(connection))

    def afresh(self) -> None:
        """What it did was undone; it will be done again."""
        self._result.clear()

    def fail(self, error: BaseException) -> None:
        """The work had no effect; the first reason given counts."""
        self._error = self._error or error

    def failed(self) -> bool:
        """Whether the work had no effect."""
        return self._error is not None

    def settle(self) -> None:
        """Tell the caller, who may have been cancelled meanwhile."""
        if self._future is None:
            if self._error is not None:
                _log.warning("store.write_lost", error=type(self._error).__name__)
        elif not self._future.done():
            if self._error is not None:
                self._future.set_exception(self._error)
            else:
                self._future.set_result(self._result[0])

    def follow(self) -> None:
        """Do what was to follow the commit."""
        if self._after is not None and self._error is None:
            self._after(self._result[0])


class Writer:
    """Runs work in the order it was submitted, many callers' work to one commit.

    Each caller's work is undone alone when it fails. Work may therefore run twice (all of a batch
    is undone and done again, each in a savepoint of its own): it acts on the connection only.
    All of one event loop.
    """

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._waiting: deque[_Job] = deque()
        self._begins = False
        self._commits: SimpleQueue[tuple[asyncio.AbstractEventLoop, list[_Job]] | None]
        self._commits = SimpleQueue()
        self._committing = False
        self._busy_looks = 0
        self._closing = False
        self._stopped = False
        connection.set_busy_timeout(0)  # whoever waits for a lock here holds up everything
        # A daemon: whoever forgets to close it must not hang; nothing acknowledged is at risk.
        self._thread = threading.Thread(target=self._commit_all, name="samtal-commit", daemon=True)
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

        `after` is called on the event loop after the commit, in the order of the commits, also
        when the caller was cancelled. Raises StoreClosed.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._put(_Item(work, after=after, future=future))
        return future

    def post(self, work: Callable[[apsw.Connection], None]) -> None:
        """Queue work that nobody waits for; raises StoreClosed."""
        self._put(_Item(work, after=None, future=None))

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
        self._commits.put(None)
        self._thread.join()
        self._connection.close()

    def _put(self, item: _Job) -> None:
        if self._closing or self._stopped:
            raise StoreClosed("the database is closed, or its writer has died: see the log")
        self._waiting.append(item)
        self._begin_soon(asyncio.get_running_loop())

    # --- on the event loop -------------------------------------------------------------------

    def _begin_soon(self, loop: asyncio.AbstractEventLoop) -> None:
        """Whatever else is submitted in this step of the loop joins the same transaction."""
        if self._waiting and not (self._begins or self._committing or self._stopped):
            self._begins = True
            loop.call_soon(self._begin, loop)

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        batch: list[_Job] = []
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._run(batch)
        except apsw.BusyError as error:
            if not batch and self._busy_looks < _BUSY_LOOKS:
                self._busy_looks += 1
                loop.call_later(_BUSY_AGAIN, self._begin, loop)
                return
            self._lose(batch, error)
        except apsw.Error as error:
            self._lose(batch, error)
        except BaseException as error:  # noqa: BLE001 - what kills it: those who wait must hear of it
            self._die(batch, error)
            return
        self._begins, self._busy_looks = False, 0
        if self._connection.in_transaction:
            self._committing = True
            self._commits.put((loop, batch))
        else:
            self._finish(loop, batch)

    def _run(self, batch: list[_Job]) -> None:
        connection = self._connection
        connection.execute("SAVEPOINT batch")
        until = time.perf_counter() + _HELD
        together = True
        while self._waiting and len(batch) < _BATCH and time.perf_counter() < until:
            item = self._waiting.popleft()
            batch.append(item)
            if together:
                together = _run_bare(connection, item)
                again = [] if together else batch
            else:
                again = [item]
            for each in again:
                each.afresh()
                _run_alone(connection, each)
        connection.execute("RELEASE batch")

    def _lose(self, batch: list[_Job], error: apsw.Error) -> None:
        """The whole transaction failed; nothing of it is there."""
        if not batch and self._waiting:
            batch.append(self._waiting.popleft())
        lost = StoreError(f"the database could not write: {error}")
        lost.__cause__ = error
        for item in batch:
            item.fail(lost)
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _finish(self, loop: asyncio.AbstractEventLoop, batch: Sequence[_Job]) -> None:
        """Tell everybody, and go on with what came meanwhile."""
        self._committing = False
        for item in batch:
            item.settle()
        for item in batch:
            item.follow()
        # After those who were just told: what they write next joins the next transaction.
        self._begin_soon(loop)

    def _die(self, batch: list[_Job], error: BaseException) -> None:
        _log.critical("store.writer_died", error=type(error).__name__, detail=str(error))
        self._stopped = True
        batch.extend(self._waiting)
        self._waiting.clear()
        for item in batch:
            item.fail(StoreClosed("the database's writer has died: see the log"))
            item.settle()
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    # --- on the thread -----------------------------------------------------------------------

    def _commit_all(self) -> None:
        while (job := self._commits.get()) is not None:
            loop, batch = job
            try:
                self._connection.execute("COMMIT")
            except apsw.Error as error:
                self._lose(batch, error)
            try:
                loop.call_soon_threadsafe(self._finish, loop, batch)
            except RuntimeError:  # the loop is closed: nobody waits any more
                continue


def _run_bare(connection: apsw.Connection, item: _Job) -> bool:
    """Run work without a net; False when it failed, and all of the batch was undone for it."""
    try:
        item.run(connection)
    except Exception:  # noqa: BLE001 - whose it is comes out when each runs by itself
        connection.execute("ROLLBACK TO batch")
        return False
    return True


def _run_alone(connection: apsw.Connection, item: _Job) -> None:
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


def _nothing(_connection: apsw.Connection) -> None:
    """Nothing to write: only to be after everything else."""
