"""`samtal export`, `erase` and `hold`: a person's rights, over all of their identities."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from bot.__main__ import cli
from bot.embedded.database import Database
from bot.model.blob import Blob, BlobFacts
from bot.model.channel import Attachment, AttachmentType
from bot.model.fact import HeldFact
from bot.model.ids import AgentId, BlobId, FactId
from bot.model.people import ByAgent, ByCustomer
from bot.model.record import Absorb, Acceptance
from bot.model.thread import MessageIn
from bot.stores.sqlite import SqliteStore
from tests.builders import acceptance, arrival, at, change, consent, entry, fact, link, spans
from tests.contract.committing import ANNA, BO, WEB, said

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path
    from typing import TypeVar

    from typer.testing import Result

    from bot.model.blob import Uploader

    T = TypeVar("T")


def blob(key: str, by: Uploader) -> Blob:
    body = key.encode()
    facts = BlobFacts(
        id=BlobId("blb_" + hashlib.md5(body, usedforsecurity=False).hexdigest()),
        name=f"../../{key}.txt",
        media_type="text/plain",
        size=len(body),
        sha256=hashlib.sha256(body).hexdigest(),
        by=by,
        created_at=at(0),
    )
    return Blob(facts=facts, body=body)


HERS = blob("hers", ByCustomer(identity=ANNA.identity))
SENT = blob("sent", ByAgent(agent=AgentId.of("cilla"), name="Cilla"))
HIS = blob("his", ByCustomer(identity=BO.identity))


class House:
    """A store in a file, with Anna on two channels and Bo; and commands beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._config = folder / "samtal.toml"
        self._config.write_text(f'[store]\npath = "{folder / "store.db"}"\n', "utf-8")
        self.within(_filled)

    def within(self, work: Callable[[SqliteStore], Awaitable[T]]) -> T:
        async def run() -> T:
            store = SqliteStore(Database.open(self.folder / "store.db"))
            try:
                return await work(store)
            finally:
                await store.close()

        return asyncio.run(run())

    def samtal(self, *arguments: str) -> Result:
        return CliRunner().invoke(
            cli, [*arguments, "--config", str(self._config)], catch_exceptions=False
        )

    def is_whole(self) -> bool:
        entries = self.within(lambda store: store.entries(spans(ANNA, WEB)))
        return len(entries) == 3


async def _filled(store: SqliteStore) -> None:
    await said(store, "web", where=WEB)
    await said(store, "bo", where=BO)
    (event,) = (await store.accept(acceptance(arrival(ANNA, "m1")))).events
    files = tuple(
        Attachment(type=AttachmentType.FILE, url=f"https://x.example/files/{one.facts.id}/a")
        for one in (HERS, SENT, HIS)
    )
    body = MessageIn(text="hemligt", attachments=files)
    await store.commit(change(await store.turn(event.thread), event, entry(event, body=body)))
    (proof,) = (await store.accept(acceptance(arrival(ANNA, "proof")))).events
    gone = await store.turn(ANNA.home_thread)
    joined = change(await store.turn(WEB.home_thread), proof).model_copy(
        update={
            "link": link(WEB, ANNA),
            "absorb": Absorb(thread=ANNA.home_thread, version=gone.state.version),
        }
    )
    await store.commit(joined)
    told = (consent(ANNA, opted_out=True), consent(BO, opted_out=True))
    await store.accept(Acceptance(consents=told))
    await store.put_facts([fact(ANNA, "a"), fact(WEB, "w", when=1), fact(BO, "b")])
    for one in (HERS, SENT, HIS):
        await store.put_blob(one)
    for where in (ANNA, BO):
        raw = json.dumps({"subject": {"identity": where.identity}, "note": where.user})
        held = HeldFact(id=FactId.of(where.user), source="crm", reason="x", raw=raw, at=at(0))
        await store.hold_facts([held])


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


NAMES = [ANNA.home_thread, WEB.home_thread, ANNA.identity, "web:site:web-1", "twilio_sms:demo:anna"]


@pytest.mark.parametrize("name", NAMES)
def test_a_copy_is_made_of_all_identities(house: House, name: str) -> None:
    copy = house.folder / "copy"
    made = house.samtal("export", name, "--to", str(copy))
    assert made.exit_code == 0, made.stderr
    assert sorted(made.stdout.splitlines()) == [
        "1 consents",
        "1 links",
        "1 quarantine",
        "2 facts",
        "2 files",
        "2 identities",
        "3 entries",
    ]
    entries = [json.loads(line) for line in (copy / "entries.jsonl").read_text().splitlines()]
    assert "hemligt" in [one["body"]["text"] for one in entries]
    assert {path.name for path in (copy / "files").iterdir()} == {HERS.facts.id, SENT.facts.id}
    assert (copy / "files" / HERS.facts.id).read_bytes() == HERS.body
    assert copy.stat().st_mode & 0o077 == 0
    everything = "".join(path.read_text() for path in copy.glob("*.jsonl"))
    assert BO.identity not in everything
    assert house.is_whole()
    again = house.samtal("export", name, "--to", str(copy))
    assert (again.exit_code, "is there already" in again.stderr) == (2, True)


@pytest.mark.parametrize("name", NAMES)
def test_a_customer_is_erased_whoever_is_named(house: House, name: str) -> None:
    unsure = house.samtal("erase", name)
    assert (unsure.exit_code, "--yes" in unsure.stderr) == (2, True)
    assert house.is_whole()
    done = house.samtal("erase", name, "--yes")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith(f"erased: {WEB.home_thread} (2 identities: twilio_sms, web)")

    async def left(store: SqliteStore) -> list[object]:
        blobs = [await store.blob(one.facts.id) for one in (HERS, SENT, HIS)]
        return [
            await store.entries(spans(ANNA, WEB)),
            await store.facts([ANNA.identity, WEB.identity]),
            [one is not None for one in blobs],
            [one.id for one in await store.held_facts()],
            len(await store.entries(spans(BO))),
            len(await store.facts([BO.identity])),
        ]

    assert house.within(left) == [[], [], [False, False, True], [FactId.of("bo")], 1, 1]
    gone = house.samtal("erase", name, "--yes")
    assert (gone.exit_code, "nobody is known as" in gone.stderr) == (2, True)


def test_a_hold_keeps_a_customer_until_it_ends(house: House) -> None:
    held = house.samtal("hold", ANNA.identity, "--reason", "tvist 12")
    assert held.exit_code == 0, held.stderr
    refused = house.samtal("erase", WEB.home_thread, "--yes")
    assert (refused.exit_code, "tvist 12" in refused.stderr) == (2, True)
    assert house.is_whole()
    copied = house.samtal("export", WEB.home_thread, "--to", str(house.folder / "copy"))
    assert "2 holds" in copied.stdout.splitlines()
    assert house.samtal("hold", WEB.home_thread, "--end").exit_code == 0
    assert house.samtal("erase", WEB.home_thread, "--yes").exit_code == 0
    assert not house.is_whole()


@pytest.mark.parametrize(
    "arguments",
    [
        ("erase", "thr_nobody", "--yes"),
        ("erase", "anna", "--yes"),
        ("export", "idn_nobody", "--to", "nowhere"),
        ("hold", WEB.home_thread),
        ("hold", WEB.home_thread, "--reason", " "),
        ("hold", WEB.home_thread, "--reason", "x", "--end"),
    ],
)
def test_what_makes_no_sense_changes_nothing(house: House, arguments: tuple[str, ...]) -> None:
    result = house.samtal(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("samtal: ")
    assert house.is_whole()
    assert house.within(lambda store: store.holds([ANNA.identity, WEB.identity])) == []
