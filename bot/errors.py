"""Every error of ours, as a tree.

SamtalError
├── ConfigError        a setting, content file or example file is wrong: what, where, how to mend
├── StoreError         the store could not do it
│   ├── StaleVersion   the thread has moved on: load it again and decide anew
│   ├── StoreClosed    the store is stopping or its writer died
│   ├── StoreAway      the store does not answer; asking again later does no harm
│   ├── SpoolFull      this machine keeps no more while the store is away
│   └── Overloaded     too much waits already; nothing was recorded
├── BusError           the bus or the fan-out does not answer, or will not take it
├── NotFound           no such thread, entry, person ...
├── Denied             not allowed, or not logged in
└── Conflict           somebody else was first; says who
"""

from __future__ import annotations


class SamtalError(Exception):
    """Anything that goes wrong in a way we foresaw."""


class ConfigError(SamtalError):
    """Something a person wrote is wrong; the message names what, where and how to mend it."""

    def __init__(self, what: str, *, where: str, mend: str) -> None:
        super().__init__(f"{where}: {what}. {mend}")
        self.what = what
        self.where = where
        self.mend = mend


class StoreError(SamtalError):
    """The store could not do what was asked."""


class StaleVersion(StoreError):
    """The thread changed since it was loaded; nothing was written."""


class StoreClosed(StoreError):
    """The store is closed, closing, or its writer has died."""


class StoreAway(StoreError):
    """The store does not answer: what was asked may have been done or not."""


class SpoolFull(StoreError):
    """The spool has no room, or what waits in it is too old; nothing was kept."""


class Overloaded(StoreError):
    """Too many messages wait for the workers; nothing was recorded, it is to be sent again."""


class BusError(SamtalError):
    """The bus or the fan-out does not answer, or will not take what it is given."""


class NotFound(SamtalError):
    """There is no such thing."""


class Denied(SamtalError):
    """Not logged in, or not allowed."""


class Conflict(SamtalError):
    """Somebody else was first."""
