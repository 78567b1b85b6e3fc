"""What is to be forgotten, and where a word of it can still be read."""

from __future__ import annotations

import hashlib
from contextlib import closing
from typing import TYPE_CHECKING

import pymongo

from bot.model.blob import Blob, BlobFacts
from bot.model.ids import BlobId
from tests.builders import at

if TYPE_CHECKING:
    from pathlib import Path

    from bot.model.people import ByAgent, ByCustomer


def blob(by: ByCustomer | ByAgent, mark: str, times: int = 1) -> Blob:
    body = mark.encode() * times
    facts = BlobFacts(
        id=BlobId.new(),
        name=f"{mark}.txt",
        media_type="text/plain",
        size=len(body),
        sha256=hashlib.sha256(body).hexdigest(),
        by=by,
        created_at=at(0),
    )
    return Blob(facts=facts, body=body)


def traces(kind: str, folder: Path, url: str, database: str, word: str) -> list[str]:
    """Where a word can be read: files of SQLite's, collections of MongoDB's."""
    if kind == "SqliteStore":
        return [
            path.name for path in folder.glob("store.db*") if word.encode() in path.read_bytes()
        ]
    if kind != "MongoStore":
        return []
    with closing(pymongo.MongoClient[dict[str, object]](url)) as client:
        return [
            name
            for name in client[database].list_collection_names()
            if word in str(list(client[database][name].find()))
        ]
