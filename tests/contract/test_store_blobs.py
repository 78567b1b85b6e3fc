"""Store, blobs: files that were uploaded, kept whole, and forgotten when no message has them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from bot.model.blob import Blob, BlobFacts
from bot.model.ids import AgentId, BlobId
from bot.model.people import ByAgent, ByCustomer
from tests.builders import address, at

if TYPE_CHECKING:
    from bot.model.blob import Uploader
    from bot.ports import Store
    from tests.contract.homes import StoreHome

ANNA = ByCustomer(identity=address("anna").identity)
BO = ByCustomer(identity=address("bo").identity)
CILLA = ByAgent(agent=AgentId.of("cilla"), name="Cilla")


def file(body: bytes = b"hej", *, by: Uploader = ANNA, when: float = 0) -> Blob:
    facts = BlobFacts(
        id=BlobId.new(),
        name="kvitto å.txt",
        media_type="text/plain",
        size=len(body),
        sha256=hashlib.sha256(body).hexdigest(),
        by=by,
        created_at=at(when),
    )
    return Blob(facts=facts, body=body)


async def put(store: Store, *blobs: Blob) -> None:
    for blob in blobs:
        await store.put_blob(blob)


@pytest.mark.parametrize(
    "body", [b"", bytes(range(256)), b"\xff" * (10 * 1024 * 1024)], ids=["empty", "all", "largest"]
)
async def test_a_file_comes_back_as_it_was_after_a_restart(
    store_home: StoreHome, body: bytes
) -> None:
    blob = file(body)
    await put(await store_home.open(), blob, file(b"other"))
    again = await store_home.open()
    found = await again.blob(blob.facts.id)
    assert found is not None
    assert found.facts == blob.facts
    assert found.body == body


async def test_a_file_that_is_not_there_is_none(store: Store) -> None:
    assert await store.blob(BlobId.new()) is None


async def test_a_file_is_never_replaced(store: Store) -> None:
    blob = file()
    await put(store, blob, Blob(facts=blob.facts.model_copy(update={"name": "x"}), body=b"x"))
    assert await store.blob(blob.facts.id) == blob


@pytest.mark.parametrize("by", [ANNA, CILLA], ids=["customer", "agent"])
async def test_who_uploaded_files_keeps_them_in_any_order(store: Store, by: Uploader) -> None:
    one, two, others = file(by=by), file(b"2", by=by), file(b"3", by=BO)
    await put(store, one, two, others)
    wanted = [two.facts.id, others.facts.id, BlobId.new(), one.facts.id, two.facts.id]
    assert await store.keep_blobs(wanted, by=by) == [two.facts, one.facts]
    assert await store.keep_blobs(wanted, by=by) == [two.facts, one.facts]
    assert await store.keep_blobs([], by=by) == []


async def test_an_agent_is_the_same_by_another_name(store: Store) -> None:
    blob = file(by=CILLA)
    await put(store, blob)
    renamed = CILLA.model_copy(update={"name": "Cecilia"})
    assert await store.keep_blobs([blob.facts.id], by=renamed) == [blob.facts]


async def test_only_old_files_that_nobody_keeps_are_forgotten(store: Store) -> None:
    old, kept, new, foreign = file(), file(b"kept"), file(b"new", when=60), file(b"f", by=BO)
    await put(store, old, kept, new, foreign)
    await store.keep_blobs([kept.facts.id, foreign.facts.id], by=ANNA)
    assert await store.prune_blobs(before=at(60)) == 2
    assert await store.prune_blobs(before=at(60)) == 0
    assert await store.blob(old.facts.id) is None
    assert await store.blob(foreign.facts.id) is None
    assert await store.blob(kept.facts.id) == kept
    assert await store.blob(new.facts.id) == new
    assert await store.keep_blobs([old.facts.id], by=ANNA) == []


async def test_many_files_are_forgotten_in_several_calls(store: Store) -> None:
    await put(store, *(file(str(number).encode()) for number in range(30)))
    went = 0
    while some := await store.prune_blobs(before=at(1)):
        went += some
    assert went == 30


def test_an_id_cannot_be_guessed() -> None:
    ids = {BlobId.new() for _ in range(100)}
    assert len(ids) == 100
    assert {len(one) for one in ids} == {len("blb_") + 32}
