"""One process at a time is the embedded server of a file."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from bot.errors import StoreError


class FileLock:
    """A lock on `<file>.lock` that the operating system drops when the process ends."""

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(path.name + ".lock")
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise StoreError(
                f"{path}: another process (pid {holder}) is using this database. "
                "Stop that process, or give this one another database file"
            ) from error
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode("ascii"))
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        """Let another process have the file; the lock file stays, as removing it would race."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
