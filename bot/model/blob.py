"""Files that were uploaded to us."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bot.model.ids import AgentId, BlobId, IdentityId
from bot.model.people import ByAgent, ByCustomer
from bot.model.value import AwareDatetime, Value

Uploader = Annotated[ByCustomer | ByAgent, Field(discriminator="kind")]


def owner(by: Uploader) -> IdentityId | AgentId:
    """Who may send a file: the identity or the agent that uploaded it."""
    return by.identity if isinstance(by, ByCustomer) else by.agent


class BlobFacts(Value):
    """What is known of a file; `media_type` is what its bytes say, `sha256` is in hexadecimal."""

    id: BlobId
    name: str
    media_type: str
    size: int
    sha256: str
    by: Uploader
    created_at: AwareDatetime


class Blob(Value):
    """A file with its bytes."""

    facts: BlobFacts
    body: bytes
