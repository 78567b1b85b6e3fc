"""The least that such work can cost: two small servers that keep no house.

`python -m tests.bench.floors a --port P`: aiohttp, JSON in and out.
`python -m tests.bench.floors d --port P --provider Q --folder F`: what must be done for a message
and nothing else: the signature, the message on the disk (one commit for all that wait), a spaCy
pipeline that reads it, the answer on the disk, and the call that carries it to the provider.
"""

from __future__ import annotations

import argparse
import asyncio
import hmac
import json
import queue
import threading
from pathlib import Path
from urllib.parse import parse_qsl

import aiohttp
import apsw
import spacy
from aiohttp import web
from spacy.language import Language
from spacy.training import Example

from tests.bench import twilio
from tests.bench.provider import orphaned

_BATCH = 256
_SENDING = 64
_EXAMPLES = {
    "hours": ("när har ni öppet", "vilka öppettider har ni", "när öppnar butiken"),
    "cost": ("vad kostar frakten", "hur mycket kostar leveransen", "är frakten gratis"),
    "time": ("hur lång är leveranstiden", "när kommer mitt paket", "hur snabbt levererar ni"),
    "payment": ("vilka betalsätt har ni", "kan jag betala med swish", "tar ni kort"),
    "place": ("var ligger butiken", "vilken adress har ni", "hur hittar jag till er"),
}
_ANSWER = "Vi har öppet alla dagar 10-18. Välkommen! Svaret gäller ärendet: {}"


# --- floor A ---------------------------------------------------------------------------------


async def echo(request: web.Request) -> web.Response:
    """JSON in (the form of the load is near enough to be read as bytes), JSON out."""
    body = await request.read()
    return web.json_response({"read": len(body), "text": "Hej! Vi har öppet 10-18."})


# --- floor D ---------------------------------------------------------------------------------


class Disk:
    """One table in, one out, one commit for all that wait."""

    def __init__(self, path: Path) -> None:
        self._connection = apsw.Connection(str(path))
        self._connection.pragma("journal_mode", "wal")
        self._connection.pragma("synchronous", "full")
        self._connection.execute(
            "CREATE TABLE inbox (sid TEXT PRIMARY KEY, sender TEXT, body TEXT) STRICT;"
            "CREATE TABLE outbox (sid TEXT PRIMARY KEY, sender TEXT, body TEXT, done TEXT) STRICT"
        )
        self._waiting: queue.SimpleQueue[tuple[asyncio.Future[None], str, tuple[str, ...]]] = (
            queue.SimpleQueue()
        )
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._run, daemon=True).start()

    def write(self, sql: str, row: tuple[str, ...]) -> asyncio.Future[None]:
        """Write a row; done when it is durable."""
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiting.put((future, sql, row))
        return future

    def _run(self) -> None:
        while True:
            batch = [self._waiting.get()]
            while len(batch) < _BATCH and not self._waiting.empty():
                batch.append(self._waiting.get())
            self._connection.execute("BEGIN IMMEDIATE")
            for _, sql, row in batch:
                self._connection.execute(sql, row)
            self._connection.execute("COMMIT")
            self._loop.call_soon_threadsafe(_settle, [future for future, _, _ in batch])


def _settle(futures: list[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)


class FloorD:
    """Takes a message, reads it, answers it."""

    def __init__(self, folder: Path, *, base: str, provider: int) -> None:
        self._folder = folder
        self._base = base
        self._url = (
            f"http://127.0.0.1:{provider}/2010-04-01/Accounts/{twilio.ACCOUNT_SID}/Messages.json"
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(_SENDING)

    async def run(self, app: web.Application) -> None:
        """Open what it needs."""
        self._disk = Disk(self._folder / "floor.db")
        self._reader = reader()
        self._session = aiohttp.ClientSession()
        app.on_cleanup.append(self._close)

    async def take(self, request: web.Request) -> web.Response:
        """The webhook: proven, on the disk, answered."""
        body = await request.read()
        fields = dict(parse_qsl(body.decode(), keep_blank_values=True))
        wanted = twilio.signature_of(self._base + request.path, fields)
        if not hmac.compare_digest(wanted, request.headers.get("X-Twilio-Signature", "")):
            return web.Response(status=403)
        row = (fields["MessageSid"], fields["From"], fields["Body"])
        await self._disk.write("INSERT OR IGNORE INTO inbox VALUES (?, ?, ?)", row)
        task = asyncio.create_task(self._answer(*row))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return web.Response(body=b"<Response/>", content_type="text/xml")

    async def _answer(self, sid: str, sender: str, text: str) -> None:
        doc = self._reader(text)
        text = _ANSWER.format(max(doc.cats, key=doc.cats.__getitem__))
        await self._disk.write("INSERT INTO outbox VALUES (?, ?, ?, NULL)", (sid, sender, text))
        form = {"To": sender, "From": twilio.NUMBER, "Body": text}
        async with self._room, self._session.post(self._url, data=form) as response:
            taken = json.loads(await response.read())
        _ = self._disk.write("UPDATE outbox SET done = ? WHERE sid = ?", (taken["sid"], sid))

    async def _close(self, _: web.Application) -> None:
        await self._session.close()


def reader() -> Language:
    """A blank pipeline with a bag of words, trained on a handful of examples."""
    nlp = spacy.blank("sv")
    nlp.add_pipe(
        "textcat",
        config={
            "model": {
                "@architectures": "spacy.TextCatBOW.v3",
                "exclusive_classes": True,
                "ngram_size": 2,
                "no_output_layer": False,
                "length": 262144,
            }
        },
    )
    examples = [
        Example.from_dict(
            nlp.make_doc(text), {"cats": {one: float(one == label) for one in _EXAMPLES}}
        )
        for label, texts in _EXAMPLES.items()
        for text in texts
    ]
    nlp.initialize(lambda: examples)
    for _ in range(10):
        nlp.update(examples)
    return nlp


# --- running ---------------------------------------------------------------------------------


async def main(given: argparse.Namespace) -> None:
    """Serve until the process is ended, or its parent is gone."""
    app = web.Application()
    app.router.add_get("/readyz", _ready)
    if given.floor == "a":
        app.router.add_post(twilio.PATH, echo)
    else:
        base = f"http://127.0.0.1:{given.port}"
        floor = FloorD(given.folder, base=base, provider=given.provider)
        await floor.run(app)
        app.router.add_post(twilio.PATH, floor.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", given.port).start()
    await orphaned(given.parent)
    await runner.cleanup()


async def _ready(_: web.Request) -> web.Response:
    return web.Response()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("floor", choices=("a", "d"))
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--provider", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path())
    parser.add_argument("--parent", type=int, required=True)
    asyncio.run(main(parser.parse_args()))
