"""Getting a file over HTTP, wherever that leads, with credentials for the provider alone."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from bot.kit import failures, media
from bot.model.sending import Call, CallResult, HttpCall, Media, MediaGone, Reply

if TYPE_CHECKING:
    from pydantic import SecretStr

    from bot.model.channel import Attachment

Fetching = Generator[Call, CallResult, Media | MediaGone]

LARGEST = 25 * 1024 * 1024

_PATIENCE = timedelta(seconds=60)
_MOST_REDIRECTS = 3
_REDIRECT = range(300, 400)


def get(
    url: str | None,
    attachment: Attachment,
    *,
    trusted: Callable[[str], bool] = lambda _: False,
    headers: Sequence[tuple[str, str]] = (),
    secrets: Sequence[SecretStr] = (),
) -> Fetching:
    """Get a file; `headers` go to trusted addresses only, all others are called with the guard."""
    place = url or ""
    for _ in range(_MOST_REDIRECTS + 1):
        if _origin(place) is None:
            return MediaGone(reason="the attachment has no web address")
        believed = trusted(place)
        result = yield HttpCall(
            method="GET",
            url=place,
            headers=tuple(headers) if believed else (),
            timeout=_PATIENCE,
            guarded=not believed,
            max_bytes=LARGEST,
            secrets=tuple(secrets),
        )
        if not isinstance(result, Reply):
            return MediaGone(reason=result.reason)
        if failures.succeeded(result):
            told = media.base_type(result.header("content-type"))
            mime = told or attachment.mime or media.mime_of(place) or "application/octet-stream"
            return Media(body=result.body, mime=mime, name=attachment.name)
        location = result.header("location")
        if result.status not in _REDIRECT or not location:
            return MediaGone(reason=f"the provider answered {result.status}")
        place = _joined(place, location)
    return MediaGone(reason="too many redirects")


def is_at(url: str, *, base: str, domain: str | None = None) -> bool:
    """Whether an address is at the provider: at our base, or in its domain over HTTPS."""
    theirs = _origin(url)
    if theirs is None or theirs == _origin(base):
        return theirs is not None
    host = theirs[1].rpartition("@")[2].partition(":")[0]
    in_domain = domain is not None and (host == domain or host.endswith(f".{domain}"))
    return theirs[0] == "https" and in_domain


def _origin(url: str) -> tuple[str, str] | None:
    """Scheme, and host with its port, of a web address; None for what is none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return (parts.scheme, parts.netloc.lower()) if parts.scheme in {"http", "https"} else None


def _joined(place: str, location: str) -> str:
    try:
        return urljoin(place, location)
    except ValueError:
        return ""
