"""Files that agents send."""

from __future__ import annotations

from bot.edge.api.route import Ask, operation
from bot.edge.api.threads import AT_THE_DESK
from bot.edge.uploads import UploadedFile, take


@operation(
    "POST",
    "/files",
    summary="Upload a file",
    tag="desk",
    roles=AT_THE_DESK,
    status=201,
    errors=(408, 413, 415),
    takes_file=True,
)
async def upload_file(ask: Ask) -> UploadedFile:
    """The body is the file; its name goes percent-encoded into the header X-File-Name.

    Its `id` goes into a reply; a file that is in none is forgotten after a day.
    """
    return await take(ask.http, ask.parts, by=ask.principal.by)


OPERATIONS = (upload_file,)
