"""What a call's result says about a send, where a channel has no better knowledge."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from bot.model.sending import (
    CallResult,
    Failure,
    FailureKind,
    Lost,
    Refused,
    Reply,
    Retry,
    Uncertain,
    Unreachable,
    Unreached,
)

_TOO_MANY = 429
_TRY_LATER = frozenset({408, 425})
_SERVER_ERROR = 500
_SUCCESS = range(200, 300)
_BODY_SHOWN = 300
_LONGEST_WAIT = timedelta(days=1)


def succeeded(result: CallResult) -> bool:
    """Whether the provider answered with 2xx."""
    return isinstance(result, Reply) and result.status in _SUCCESS


def failed(
    result: CallResult,
    *,
    code: str | None = None,
    message: str = "",
    after: timedelta | None = None,
    now: datetime | None = None,
) -> Retry | Refused | Uncertain:
    """Turn a result that is no success into how the send ended.

    `code`, `message`, `after`: what the channel read in the body. Never left -> retry; no answer
    -> uncertain; 429 -> retry as rate limited; 408, 425, 5xx -> retry; a success that cannot be
    read -> refused as a bad response; all else -> refused, with a reason where one was given.
    `now` serves a `Retry-After` date in an answer that has no `Date`.
    """
    match result:
        case Unreached(reason=reason):
            return Retry(failure=Failure(kind=FailureKind.UNREACHABLE, message=reason))
        case Lost(reason=reason):
            return Uncertain(failure=Failure(kind=FailureKind.UNCERTAIN, message=reason))
        case Reply():
            failure = Failure(
                kind=_kind(result.status, has_reason=bool(code)),
                code=code or str(result.status),
                message=message or _shown(result.body),
            )
            if failure.kind in {FailureKind.RATE_LIMITED, FailureKind.UNREACHABLE}:
                return Retry(failure=failure, after=after or retry_after(result, now=now))
            return Refused(failure=failure)


def rate_limited(
    *, code: str | None = None, message: str = "", after: timedelta | None = None
) -> Retry:
    """The provider wants fewer calls."""
    failure = Failure(kind=FailureKind.RATE_LIMITED, code=code, message=message)
    return Retry(failure=failure, after=after)


def refused(kind: FailureKind, *, code: str | None = None, message: str = "") -> Refused:
    """Final for this message."""
    return Refused(failure=Failure(kind=kind, code=code, message=message))


def opted_out(*, code: str | None = None, message: str = "") -> Unreachable:
    """Final for this address: the person wants nothing here."""
    failure = Failure(kind=FailureKind.OPTED_OUT, code=code, message=message)
    return Unreachable(failure=failure)


def retry_after(reply: Reply, *, now: datetime | None = None) -> timedelta | None:
    """The `Retry-After` of an answer, in seconds or as a date (RFC 9110, section 10.2.3)."""
    value = (reply.header("retry-after") or "").strip()
    if value.isascii() and value.isdecimal():
        return min(timedelta(seconds=int(value[:9])), _LONGEST_WAIT)
    until = _http_date(value)
    since = _http_date(reply.header("date") or "") or now
    if until is None or since is None:
        return None
    return min(max(until - since, timedelta(0)), _LONGEST_WAIT)


def _kind(status: int, *, has_reason: bool) -> FailureKind:
    if status == _TOO_MANY:
        return FailureKind.RATE_LIMITED
    if status in _TRY_LATER or status >= _SERVER_ERROR:
        return FailureKind.UNREACHABLE
    if status in _SUCCESS:
        return FailureKind.BAD_RESPONSE
    return FailureKind.REJECTED if has_reason else FailureKind.PROVIDER_ERROR


def _shown(body: bytes) -> str:
    return " ".join(body[:_BODY_SHOWN].decode("utf-8", "replace").split())


def _http_date(value: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
