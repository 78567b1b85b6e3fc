"""A copy of the file while a server writes it, and such a copy put back."""

from __future__ import annotations

import os
from pathlib import Path

import apsw

from bot.embedded.lock import FileLock
from bot.embedded.migrations import Schema, check
from bot.errors import StoreError

_BUSY = 10_000  # milliseconds
_BESIDE = ("-wal", "-shm")


def back_up(source: Path, to: Path) -> int:
    """Copy a database, as of one moment, to a new file; returns its size in bytes.

    A server may be writing meanwhile: it is not held up, and what it commits after the beginning
    is not in the copy. Raises StoreError; then there is no new file.
    """
    if not source.is_file():
        raise StoreError(f"{source}: there is no such database")
    _copy(source, to)
    return to.stat().st_size


def put_back(source: Path, to: Path, *, aside: str) -> list[Path]:
    """Make a copy the database again; returns where what was there before has gone.

    What was there is renamed by the suffix `aside`. Raises StoreError while a server uses it, and
    for a copy that is damaged or newer than this program; then nothing has changed.
    """
    lock = FileLock(to)
    try:
        fresh = to.with_name(f"{to.name}.fresh")
        fresh.unlink(missing_ok=True)
        _copy(source, fresh)
        # The log first: a log without its file is nothing, one beside another file is a danger.
        kept = [
            path.rename(path.with_name(path.name + aside))
            for path in (*(to.with_name(to.name + end) for end in _BESIDE), to)
            if path.exists()
        ]
        fresh.replace(to)
        _settle(to.parent)
        return kept
    finally:
        lock.release()


def _copy(source: Path, to: Path) -> None:
    """Copy page by page within one read transaction, and look the copy over."""
    if to.exists():
        raise StoreError(f"{to}: is there already. Name a new file")
    if not to.parent.is_dir():
        raise StoreError(f"{to}: there is no folder {to.parent}. Make it, or name another")
    part = to.with_name(f"{to.name}.part")
    part.unlink(missing_ok=True)
    try:
        _copy_pages(source, part)
        _settle(part)
        part.replace(to)
        _settle(to.parent)
    except apsw.Error as error:
        raise StoreError(f"{source}: cannot be copied to {to} ({error})") from error
    finally:
        part.unlink(missing_ok=True)


def _copy_pages(source: Path, to: Path) -> None:
    reading = apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        reading.set_busy_timeout(_BUSY)
        check(reading, Schema(), name=str(source))
        writing = apsw.Connection(str(to))
        try:
            with writing.backup("main", reading, "main") as pages:
                pages.step(-1)
            found: str = writing.pragma("quick_check")
            if found != "ok":
                raise StoreError(f"{source}: is damaged ({found}). Take another copy")
        finally:
            writing.close()
    finally:
        reading.close()


def _settle(path: Path) -> None:
    """Have a file, or a folder's names, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
