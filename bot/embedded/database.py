"""One SQLite file: a writer thread with group commit, readers that never wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Self, TypeVar

import apsw
import structlog

from bot.embedded.lock import FileLock
from bot.embedded.migrations import APPLICATION_ID, MIGRATIONS, Schema, check, migrate
from bot.embedded.writer import Writer
from bot.errors import StoreClosed, StoreError

_log = structlog.get_logger(__name__)

T = TypeVar("T")
Work = Callable[[apsw.Connection], T]

_BUSY = 5_000  # milliseconds
_STATEMENTS = 200  # prepared statements kept for each connection; there are about 90
_CHECKPOINT = 4_000  # pages of 4 KiB: a checkpoint each 16 MiB of log
_LOG_LIMIT = 64 * 1024 * 1024
_CACHE = -16 * 1024  # KiB for each connection
_READERS = 2


class Database:
    """An open file. `open` it, and `close` it.

    `write` is for all changes, `glance` for reads of a few rows by key (a dozen microseconds: a
    trip to another thread would cost more), `read` for reads of many rows.
    """

    def __init__(self, path: Path, *, lock: FileLock | None, writer: Writer | None) -> None:
        self.path = path
        self._lock = lock
        self._writer = writer
        self._glancer = _reader(path)
        self._readers: SimpleQueue[apsw.Connection] = SimpleQueue()
        self._pool: ThreadPoolExecutor | None = None
        self._closed = False

    @classmethod
    def open(
        cls,
        path: Path | str,
        *,
        read_only: bool = False,
        beside: bool = False,
        migrations: tuple[str, ...] = MIGRATIONS,
        application_id: int = APPLICATION_ID,
    ) -> Self:
        """Open a file, made or brought up to date as needed; raises StoreError with the mend.

        `read_only` takes no lock, so that a command may read beside a running server. `beside`
        takes none either but writes: for a command whose few changes a server picks up by itself.
        """
        path, schema = Path(path), Schema(migrations, application_id)
        if not path.parent.is_dir():
            raise StoreError(f"{path}: there is no folder {path.parent}. Make it, or name another")
        if read_only:
            return cls._open_to_read(path, schema)
        # A schema is never changed beneath a running server.
        lock = None if beside and _is_current(path, schema) else _locked(path)
        try:
            connection = _writable(path, schema)
        except BaseException:  # whatever it was: it goes on, the lock must not
            if lock is not None:
                lock.release()
            raise
        if beside and lock is not None:
            lock.release()
            lock = None
        return cls(path, lock=lock, writer=Writer(connection))

    @classmethod
    def _open_to_read(cls, path: Path, schema: Schema) -> Self:
        if not path.is_file():
            raise StoreError(f"{path}: there is no such database. Start the server once to make it")
        database = cls(path, lock=None, writer=None)
        version = database.glance(lambda look: check(look, schema, name=str(path)))
        if version < len(schema.steps):
            raise StoreError(
                f"{path}: the file is at schema version {version}, this program needs "
                f"{len(schema.steps)}. Start the server once to upgrade it"
            )
        return database

    async def write(self, work: Work[T], *, after: Callable[[T], None] | None = None) -> T:
        """Run work in a transaction; returns its result when it is durable.

        An error of the work undoes the work and is raised here. A caller that is cancelled leaves
        the work to be done. `after` is called with the result after the commit, on this event
        loop, in the order of commits. Raises StoreError, StoreClosed.
        """
        return await self._writing().submit(work, after=after)

    def post(self, work: Work[None]) -> None:
        """Write something soon that nobody waits for; raises StoreClosed."""
        self._writing().post(work)

    def glance(self, work: Work[T]) -> T:
        """Read a few rows on this thread, all from one moment, including every finished write."""
        if self._closed:
            raise StoreClosed(f"{self.path}: the database is closed")
        return _at_one_moment(self._glancer, work)

    async def read(self, work: Work[T]) -> T:
        """Read many rows on another thread, all from one moment, with every finished write."""
        if self._closed:
            raise StoreClosed(f"{self.path}: the database is closed")
        if self._pool is None:
            self._pool = ThreadPoolExecutor(_READERS, thread_name_prefix="samtal-reader")
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._borrow, work)

    async def scrub(self) -> None:
        """Let go of old copies of pages, so that what was deleted cannot be read in the log.

        What another one reads at this moment stays until the next checkpoint that can.
        """
        await asyncio.to_thread(_checkpoint, self.path)

    async def close(self) -> None:
        """Finish the writes that were begun and let go of the file; again is harmless."""
        if self._closed:
            return
        if self._writer is not None and self._writer.alive:
            with suppress(StoreClosed):  # it died meanwhile, and said so to its callers
                await self._writer.finish()
        self._closed = True
        if self._pool is not None:
            self._pool.shutdown(wait=True)
        for connection in [self._glancer, *_drained(self._readers)]:
            connection.close()
        if self._writer is not None:
            self._writer.join()
        if self._lock is not None:
            self._lock.release()

    def _writing(self) -> Writer:
        if self._writer is None:
            raise StoreError(f"{self.path}: the database was opened for reading only")
        return self._writer

    def _borrow(self, work: Work[T]) -> T:
        try:
            connection = self._readers.get_nowait()
        except Empty:
            connection = _reader(self.path)
        try:
            return _at_one_moment(connection, work)
        finally:
            self._readers.put(connection)


def _locked(path: Path) -> FileLock:
    try:
        return FileLock(path)
    except OSError as error:
        raise StoreError(
            f"{path}: cannot make the lock file beside it ({error.strerror}). "
            "Give this process the right to write in that folder"
        ) from error


def _is_current(path: Path, schema: Schema) -> bool:
    """Whether a file is there that needs no step to be made on it."""
    if not path.is_file():
        return False
    connection = _reader(path)
    try:
        return check(connection, schema, name=str(path)) == len(schema.steps)
    except apsw.Error as error:
        raise StoreError(f"{path}: cannot be opened as a database ({error})") from error
    finally:
        connection.close()


def _writable(path: Path, schema: Schema) -> apsw.Connection:
    try:
        connection = apsw.Connection(str(path), statementcachesize=_STATEMENTS)
        try:
            _configure(connection)
            check(connection, schema, name=str(path))
            connection.pragma("journal_mode", "wal")
            # Every commit reaches the disk before anybody hears of it.
            connection.pragma("synchronous", "full")
            connection.pragma("foreign_keys", value=True)
            # What is deleted is gone from the file, not only from the tables.
            connection.pragma("secure_delete", value=True)
            connection.pragma("journal_size_limit", _LOG_LIMIT)
            connection.wal_autocheckpoint(_CHECKPOINT)
            migrate(connection, schema, name=str(path))
        except BaseException:  # whatever it was: it goes on, the connection must not
            connection.close()
            raise
    except apsw.Error as error:
        raise StoreError(
            f"{path}: cannot be opened as a database ({error}). "
            "Check the path and its permissions, or restore a backup"
        ) from error
    return connection


def _checkpoint(path: Path) -> None:
    connection = apsw.Connection(str(path))
    try:
        connection.set_busy_timeout(_BUSY)
        # Only a connection that has read knows that there is a log.
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    except apsw.BusyError:
        _log.warning("store.not_scrubbed", path=str(path))
    finally:
        connection.close()


def _reader(path: Path) -> apsw.Connection:
    try:
        connection = apsw.Connection(
            str(path), flags=apsw.SQLITE_OPEN_READONLY, statementcachesize=_STATEMENTS
        )
        _configure(connection)
    except apsw.Error as error:
        raise StoreError(f"{path}: cannot be opened for reading ({error})") from error
    return connection


def _configure(connection: apsw.Connection) -> None:
    connection.set_busy_timeout(_BUSY)
    connection.pragma("cache_size", _CACHE)
    # Only the writer checkpoints: a reader that did would stand still for the disk.
    connection.wal_autocheckpoint(0)


def _at_one_moment(connection: apsw.Connection, work: Work[T]) -> T:
    try:
        connection.execute("BEGIN")
        try:
            return work(connection)
        finally:
            connection.execute("ROLLBACK")
    except apsw.Error as error:
        raise StoreError(f"the database could not be read: {error}") from error


def _drained(readers: SimpleQueue[apsw.Connection]) -> list[apsw.Connection]:
    found: list[apsw.Connection] = []
    while not readers.empty():
        found.append(readers.get())
    return found
