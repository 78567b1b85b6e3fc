"""The drivers' errors as ours: what was asked and why not, never with what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
    WTimeoutError,
)

from bot.errors import StoreAway, StoreError

_DUPLICATE: Final = 11000
_NO_NAMESPACE: Final = 26
# The server's codes for "not me, not now": stepping down, shutting down, cut off, no majority.
# https://www.mongodb.com/docs/manual/reference/error-codes/
_AWAY: Final = frozenset(
    {6, 7, 50, 64, 89, 91, 133, 134, 189, 202, 262, 9001, 10107, 11600, 11602, 13435, 13436}
)


class Duplicate(StoreError):
    """A document with this key, or this unique value, is there already."""


class NoCollection(StoreError):
    """The collection has not been made yet."""


def ours(what: str, error: PyMongoError) -> StoreError:
    """The error of ours that one of a driver's is; its text holds nothing of any document."""
    named = f"{what}: {type(error).__name__}"
    codes = _codes(error)
    if _is_away(error, codes):
        return StoreAway(f"{named}: MongoDB does not answer, or may not write now")
    if _DUPLICATE in codes:
        return Duplicate(f"{named}: there already")
    if _NO_NAMESPACE in codes:
        return NoCollection(named)
    return StoreError(f"{named} (code {min(codes, default=0)})")


def repeated(error: BulkWriteError) -> list[int]:
    """The places, in what was to be inserted, of what was there; any other fault is raised."""
    faults = _faults(error, "writeErrors")
    other = [fault for fault in faults if fault.get("code") != _DUPLICATE]
    if other or _faults(error, "writeConcernErrors"):
        raise error
    return sorted(place for fault in faults if isinstance(place := fault.get("index"), int))


def _is_away(error: PyMongoError, codes: frozenset[int]) -> bool:
    return (
        isinstance(error, (ConnectionFailure, WTimeoutError, ExecutionTimeout))
        or error.timeout
        or error.has_error_label("RetryableWriteError")
        or not codes.isdisjoint(_AWAY)
    )


def _codes(error: PyMongoError) -> frozenset[int]:
    if not isinstance(error, OperationFailure):
        return frozenset()
    faults = (*_faults(error, "writeErrors"), *_faults(error, "writeConcernErrors"))
    found = (error.code, *(fault.get("code") for fault in faults))
    return frozenset(code for code in found if isinstance(code, int))


def _faults(error: OperationFailure, kind: str) -> list[Mapping[str, object]]:
    found: object = (error.details or {}).get(kind)
    return (
        [fault for fault in found if isinstance(fault, Mapping)] if isinstance(found, list) else []
    )
