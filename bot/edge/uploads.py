"""Files on their way in, and as attachments of messages."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import quote, unquote

from aiohttp import web

from bot.edge.file_types import FILE_TYPES, fitting_name, media_type
from bot.edge.parts import EdgeParts
from bot.edge.problems import Mistake, Refusal
from bot.edge.settings import EdgeSettings
from bot.kit.media import attachment_type
from bot.model.blob import Blob, BlobFacts, Uploader
from bot.model.channel import Attachment
from bot.model.ids import BlobId
from bot.model.value import Value

NAME_HEADER = "X-File-Name"
PATH = "/files"
_CHUNK = 65_536
_ARRIVES = timedelta(minutes=2)  # a photograph over a slow telephone
_OURS = re.compile(r"/(blb_[0-9a-f]{32})/[^/]+")
_FORMS = frozenset({"multipart/form-data", "application/x-www-form-urlencoded"})


class UploadedFile(Value):
    """A file that was taken; `id` goes into a message, `url` is where everybody finds it."""

    id: BlobId
    name: str
    media_type: str
    size: int
    url: str


async def take(http: web.Request, parts: EdgeParts, *, by: Uploader) -> UploadedFile:
    """Take the body as a file; raises Refusal for what is too large, or not taken here."""
    if http.content_type in _FORMS:
        raise Refusal(415, "Send the file's own bytes as the body, and nothing around them.")
    body, sha256 = await _received(http, limit=parts.settings.file_bytes)
    kind = media_type(body)
    if kind is None:
        raise Refusal(415, f"By its bytes it is none of: {', '.join(FILE_TYPES)}.")
    facts = BlobFacts(
        id=BlobId.new(),
        name=fitting_name(unquote(http.headers.get(NAME_HEADER, "")), kind),
        media_type=kind,
        size=len(body),
        sha256=sha256,
        by=by,
        created_at=parts.clock.now(),
    )
    await parts.store.put_blob(Blob(facts=facts, body=body))
    return UploadedFile(
        id=facts.id,
        name=facts.name,
        media_type=kind,
        size=facts.size,
        url=_url(facts, parts.settings),
    )


async def attachments(
    parts: EdgeParts, files: Sequence[BlobId], *, by: Uploader, where: str
) -> tuple[Attachment, ...]:
    """Uploaded files as attachments, from now on kept for good; raises Refusal for any other."""
    if not files:
        return ()
    kept = await parts.store.keep_blobs(files, by=by)
    if len(kept) < len(set(files)):
        wrong = Mistake(
            where=where,
            what="a file that you did not upload, or that is no longer here",
            mend="Upload it again.",
        )
        raise Refusal(422, "Some fields are wrong.", errors=(wrong,))
    return tuple(
        Attachment(
            type=attachment_type(facts.media_type),
            url=_url(facts, parts.settings),
            mime=facts.media_type,
            name=facts.name,
            size=facts.size,
        )
        for facts in kept
    )


async def blob_of(parts: EdgeParts, attachment: Attachment) -> Blob | None:
    """The file behind an attachment, if it is one of ours."""
    base = parts.settings.public_base_url + PATH
    found = _OURS.fullmatch((attachment.url or "").removeprefix(base))
    return None if found is None else await parts.store.blob(BlobId(found[1]))


def _url(facts: BlobFacts, settings: EdgeSettings) -> str:
    return f"{settings.public_base_url}{PATH}/{facts.id}/{quote(facts.name, safe='')}"


async def _received(http: web.Request, *, limit: int) -> tuple[bytes, str]:
    """The body and its hash."""
    too_large = Refusal(413, f"A file has at most {limit} bytes.")
    if (http.content_length or 0) > limit:
        raise too_large
    body, digest = bytearray(), hashlib.sha256()
    try:
        async with asyncio.timeout(_ARRIVES.total_seconds()):
            async for chunk in http.content.iter_chunked(_CHUNK):
                body += chunk
                digest.update(chunk)
                if len(body) > limit:
                    raise too_large
    except TimeoutError:
        raise Refusal(408, "The file took too long to arrive.") from None
    return bytes(body), digest.hexdigest()
