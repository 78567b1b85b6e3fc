"""Getting a file over HTTP, through redirects, with credentials for the provider alone."""

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
) -> Generator[Call, CallResult, Media | MediaGone]:
    """Get a file; `headers` go to trusted addresses only, all others are called with the guard."""
    place = url or ""
    for _ in range(_MOST_REDIRECTS + 1):
        if not _is_web(place):
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


def same_place(base: str, url: str) -> bool:
    """Whether a URL has the scheme, host and port of a base URL."""
    try:
        ours, theirs = urlsplit(base), urlsplit(url)
    except ValueError:
        return False
    return (theirs.scheme, theirs.netloc) == (ours.scheme, ours.netloc)


def _is_web(url: str) -> bool:
    try:
        return urlsplit(url).scheme in {"http", "https"}
    except ValueError:
        return False


def _joined(place: str, location: str) -> str:
    try:
        return urljoin(place, location)
    except ValueError:
        return ""
