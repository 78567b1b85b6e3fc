"""One collection, the same over both drivers; filters and updates are MongoDB's own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar

from pymongo import IndexModel, ReturnDocument, UpdateOne
from pymongo.errors import BulkWriteError, PyMongoError

from bot.errors import StoreClosed
from bot.stores.mongo.faults import Duplicate, NoCollection, ours, repeated

Document = Mapping[str, object]
Update = Document | Sequence[Document]
Sort = Sequence[tuple[str, int]]
BeforeWrite = Callable[[str, str], None]

_T = TypeVar("_T")


class Change(NamedTuple):
    """One of many updates that go to the server together."""

    query: Document
    update: Update
    upsert: bool = False


class Index(NamedTuple):
    """An index as it should be; `expires` makes a TTL index on a date, `where` a partial one."""

    name: str
    keys: tuple[tuple[str, int], ...]
    unique: bool = False
    where: Document | None = None
    expires: bool = False


class Reply(Protocol):
    """What either driver answers a write with."""

    matched_count: int
    deleted_count: int
    upserted_id: object


class Cursor(Protocol):
    """What either driver answers a question with."""

    def to_list(self, length: int | None) -> Awaitable[list[Document]]:
        """All of it."""


class Raw(Protocol):
    """A collection of either driver, as far as we use it."""

    find_one: Callable[..., Awaitable[Document | None]]
    find: Callable[..., Cursor]
    count_documents: Callable[..., Awaitable[int]]
    insert_one: Callable[..., Awaitable[object]]
    insert_many: Callable[..., Awaitable[object]]
    update_one: Callable[..., Awaitable[Reply]]
    update_many: Callable[..., Awaitable[Reply]]
    find_one_and_update: Callable[..., Awaitable[Document | None]]
    replace_one: Callable[..., Awaitable[Reply]]
    delete_one: Callable[..., Awaitable[Reply]]
    delete_many: Callable[..., Awaitable[Reply]]
    bulk_write: Callable[..., Awaitable[object]]
    create_indexes: Callable[..., Awaitable[object]]
    # A cursor with motor, the promise of one with pymongo.
    aggregate: Callable[..., Cursor | Awaitable[Cursor]]
    list_indexes: Callable[..., Cursor | Awaitable[Cursor]]


class Calls:
    """Makes the driver's calls until it is closed; `before_write` is told ahead of each write."""

    def __init__(self) -> None:
        self.closed = False
        self.before_write: BeforeWrite | None = None

    async def ask(self, what: str, call: Callable[[], Awaitable[_T]]) -> _T:
        """Make one call; the driver's errors come as ours, and StoreClosed after the end."""
        if self.closed:
            raise StoreClosed(f"{what}: the store is closed")
        try:
            return await call()
        except PyMongoError as error:
            if self.closed:
                raise StoreClosed(f"{what}: the store was closed meanwhile") from None
            # Not chained: the driver's own text may hold what the call held.
            raise ours(what, error) from None

    async def write(self, collection: str, operation: str, call: Callable[[], Awaitable[_T]]) -> _T:
        """Make one call that writes."""
        if self.before_write is not None:
            self.before_write(collection, operation)
        return await self.ask(f"{collection}.{operation}", call)


class Collection:
    """Every method raises StoreAway, StoreClosed, and StoreError for what the server refuses."""

    def __init__(self, calls: Calls, name: str, raw: Raw) -> None:
        self.name = name
        self._calls = calls
        self._raw = raw

    async def find_one(
        self, query: Document, *, fields: Sequence[str] | None = None, sort: Sort | None = None
    ) -> Document | None:
        """The first document that fits, or None; `_id` always comes along."""
        shown = _projection(fields)
        return await self._ask("find_one", lambda: self._raw.find_one(query, shown, sort=sort))

    async def find(
        self,
        query: Document,
        *,
        fields: Sequence[str] | None = None,
        sort: Sort | None = None,
        limit: int = 0,
        hint: Sort | None = None,
    ) -> list[Document]:
        """All documents that fit (0: without a limit); `hint` is the index to be read."""
        shown = _projection(fields)
        return await self._ask(
            "find",
            lambda: self._raw.find(query, shown, sort=sort, limit=limit, hint=hint).to_list(None),
        )

    async def count(self, query: Document, *, most: int | None = None) -> int:
        """How many documents fit; nobody counts beyond `most` (1 or more)."""
        bound = {} if most is None else {"limit": most}
        return await self._ask("count", lambda: self._raw.count_documents(query, **bound))

    async def aggregate(self, pipeline: Sequence[Document]) -> list[Document]:
        """What a pipeline gives that only reads."""
        return await self._ask("aggregate", lambda: _listed(self._raw.aggregate(pipeline)))

    async def insert_one(self, document: Document) -> bool:
        """Add a document; False when its key is there already."""
        try:
            await self._write("insert_one", lambda: self._raw.insert_one(document))
        except Duplicate:
            return False
        return True

    async def insert_many(self, documents: Sequence[Document]) -> list[int]:
        """Add documents, in any order; the indexes of those whose key was there already."""
        if not documents:
            return []
        return await self._write("insert_many", lambda: _insert(self._raw, documents))

    async def update_one(
        self,
        query: Document,
        update: Update,
        *,
        upsert: bool = False,
        array_filters: Sequence[Document] | None = None,
    ) -> int:
        """Change one document; 1 when one fitted or was made, else 0.

        Raises Duplicate when the one to be made is there and does not fit.
        """
        reply = await self._write(
            "update_one",
            lambda: self._raw.update_one(query, update, upsert=upsert, array_filters=array_filters),
        )
        return _touched(reply)

    async def update_many(
        self, query: Document, update: Update, *, array_filters: Sequence[Document] | None = None
    ) -> int:
        """Change all that fit, not at once; returns how many did."""
        reply = await self._write(
            "update_many",
            lambda: self._raw.update_many(query, update, array_filters=array_filters),
        )
        return reply.matched_count

    async def update_each(self, changes: Sequence[Change]) -> None:
        """Make many changes in one call, in any order; one that fits nothing changes nothing."""
        if not changes:
            return
        requests = [UpdateOne(one.query, _driven(one.update), one.upsert) for one in changes]
        await self._write("update_each", lambda: self._raw.bulk_write(requests, ordered=False))

    async def find_one_and_update(  # noqa: PLR0913 - MongoDB's own words, all but two named
        self,
        query: Document,
        update: Update,
        *,
        upsert: bool = False,
        before: bool = False,
        sort: Sort | None = None,
        fields: Sequence[str] | None = None,
    ) -> Document | None:
        """Change one document and return it as it is now (`before`: as it was), or None."""
        which = ReturnDocument.BEFORE if before else ReturnDocument.AFTER
        shown = _projection(fields)
        return await self._write(
            "find_one_and_update",
            lambda: self._raw.find_one_and_update(
                query, update, shown, sort, upsert=upsert, return_document=which
            ),
        )

    async def replace_one(
        self, query: Document, document: Document, *, upsert: bool = False
    ) -> int:
        """Replace one document; 1 when one fitted or was made, else 0. See `update_one`."""
        reply = await self._write(
            "replace_one", lambda: self._raw.replace_one(query, document, upsert)
        )
        return _touched(reply)

    async def delete_one(self, query: Document) -> int:
        """Remove one document; returns 1 or 0."""
        reply = await self._write("delete_one", lambda: self._raw.delete_one(query))
        return reply.deleted_count

    async def delete_many(self, query: Document) -> int:
        """Remove all that fit, not at once; returns how many."""
        reply = await self._write("delete_many", lambda: self._raw.delete_many(query))
        return reply.deleted_count

    async def indexes(self) -> list[Document]:
        """The indexes there are, as the server tells them; none where no collection is."""
        try:
            return await self._ask("indexes", lambda: _listed(self._raw.list_indexes()))
        except NoCollection:
            return []

    async def create_indexes(self, indexes: Sequence[Index]) -> None:
        """Add indexes; those that are there as they should be stay."""
        models = [_model(index) for index in indexes]
        if models:
            await self._write("create_indexes", lambda: self._raw.create_indexes(models))

    async def _ask(self, operation: str, call: Callable[[], Awaitable[_T]]) -> _T:
        return await self._calls.ask(f"{self.name}.{operation}", call)

    async def _write(self, operation: str, call: Callable[[], Awaitable[_T]]) -> _T:
        return await self._calls.write(self.name, operation, call)


async def _listed(cursor: Cursor | Awaitable[Cursor]) -> list[Document]:
    ready = await cursor if isinstance(cursor, Awaitable) else cursor
    return await ready.to_list(None)


async def _insert(raw: Raw, documents: Sequence[Document]) -> list[int]:
    try:
        await raw.insert_many(documents, ordered=False)
    except BulkWriteError as error:
        return repeated(error)
    return []


def _projection(fields: Sequence[str] | None) -> dict[str, int] | None:
    return None if fields is None else dict.fromkeys(("_id", *fields), 1)


def _touched(reply: Reply) -> int:
    return 1 if reply.matched_count or reply.upserted_id is not None else 0


def _driven(update: Update) -> Document | list[Document]:
    return update if isinstance(update, Mapping) else list(update)


def _model(index: Index) -> IndexModel:
    options: dict[str, object] = {"name": index.name}
    if index.unique:
        options["unique"] = True
    if index.where is not None:
        options["partialFilterExpression"] = index.where
    if index.expires:
        options["expireAfterSeconds"] = 0
    return IndexModel(list(index.keys), **options)
