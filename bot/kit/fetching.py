"""Getting a file by its web address, wherever that leads."""

from __future__ import annotations

from collections.abc import Callable, Generator
from urllib.parse import urljoin, urlsplit

from bot.kit import failures
from bot.model.sending import Call, CallResult, HttpCall, Media, MediaGone, Reply

Fetching = Generator[Call, CallResult, Media | MediaGone]

LARGEST_FILE = 25 * 1024 * 1024
_MOST_REDIRECTS = 3
_REDIRECT = range(300, 400)


def fetch(url: str | None, *, call: Callable[[str], HttpCall]) -> Fetching:
    """Get a file; `call` says how to ask at an address, again for each that it redirects to."""
    place = url or ""
    for _ in range(_MOST_REDIRECTS + 1):
        if _origin(place) is None:
            return MediaGone(reason="the attachment has no web address")
        result = yield call(place)
        if not isinstance(result, Reply):
            return MediaGone(reason=result.reason)
        if failures.succeeded(result):
            mime = result.header("content-type") or "application/octet-stream"
            return Media(body=result.body, mime=mime)
        location = result.header("location")
        if result.status not in _REDIRECT or not location:
            return MediaGone(reason=f"the provider answered {result.status}")
        place = _led(place, location)
    return MediaGone(reason="too many redirects")


def guarded(url: str) -> HttpCall:
    """A call to an address from outside, without credentials."""
    return HttpCall(method="GET", url=url, guarded=True, max_bytes=LARGEST_FILE)


def is_at(url: str, *, base: str, domain: str) -> bool:
    """Whether an address is at the provider: at our base, or in its domain over HTTPS."""
    theirs = _origin(url)
    if theirs is None or theirs == _origin(base):
        return theirs is not None
    host = theirs[1].rpartition("@")[2].partition(":")[0]
    return theirs[0] == "https" and (host == domain or host.endswith(f".{domain}"))


def _origin(url: str) -> tuple[str, str] | None:
    """Scheme, and host with its port, of a web address; None for what is none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return (parts.scheme, parts.netloc.lower()) if parts.scheme in {"http", "https"} else None


def _led(place: str, location: str) -> str:
    try:
        return urljoin(place, location)
    except ValueError:
        return ""
