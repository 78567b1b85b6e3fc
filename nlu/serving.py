"""The reader behind the `Nlu` port: one thread that reads what has come in together."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import NamedTuple, Self

from bot.model.understanding import Understanding, Utterance
from nlu.reader import Reader

# As many texts as keep the interpreter for less than a millisecond, and the pause in which the
# event loop gets it while more is waiting (a sleep of 0 would often take it straight back).
_BATCH = 4
_PAUSE = 0.000_05


class _Job(NamedTuple):
    utterances: Sequence[Utterance]
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[list[Understanding]]


class SpacyNlu:
    """Reads messages on a thread of its own; `close` ends it."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._closed = False
        # A daemon: a server that dies without `close` must not hang on it.
        self._thread = threading.Thread(target=self._work, name="nlu", daemon=True)
        self._thread.start()

    @classmethod
    def load(cls, folder: Path, *, use_vectors: bool = True) -> Self:
        """Serve the model in a folder; raises ConfigError."""
        return cls(Reader.load(folder, use_vectors=use_vectors))

    @property
    def model(self) -> str:
        """The version of the model: a hash of its data and configuration."""
        return self._reader.model.version

    @property
    def degraded(self) -> bool:
        """Whether the model was trained with word vectors that are not installed here."""
        return self._reader.model.intent.degraded

    async def read(self, utterances: Sequence[Utterance]) -> list[Understanding]:
        """Read texts, one understanding for each, in order; does not block the event loop."""
        if self._closed:
            raise RuntimeError("the reader is closed")
        if not utterances:
            return []
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[Understanding]] = loop.create_future()
        self._jobs.put(_Job(tuple(utterances), loop, answer))
        return await answer

    async def close(self) -> None:
        """Finish what was asked for and end the thread."""
        if self._closed:
            return
        self._closed = True
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            jobs = [job]
            closing = self._gather(jobs)
            self._serve(jobs)
            if closing:
                return
            if not self._jobs.empty():
                time.sleep(_PAUSE)

    def _gather(self, jobs: list[_Job]) -> bool:
        """Add what else waits, up to a batch; True when the end was among it."""
        while sum(len(job.utterances) for job in jobs) < _BATCH:
            try:
                job = self._jobs.get_nowait()
            except Empty:
                return False
            if job is None:
                return True
            jobs.append(job)
        return False

    def _serve(self, jobs: Sequence[_Job]) -> None:
        utterances = [utterance for job in jobs for utterance in job.utterances]
        read: list[Understanding] = []
        try:
            for start in range(0, len(utterances), _BATCH):
                if start:
                    time.sleep(_PAUSE)
                read += self._reader.read(utterances[start : start + _BATCH])
        except Exception as wrong:  # noqa: BLE001 - outermost loop: whoever asked gets the error
            for job in jobs:
                _post(job, wrong)
            return
        at = 0
        for job in jobs:
            _post(job, read[at : at + len(job.utterances)])
            at += len(job.utterances)


def _post(job: _Job, result: list[Understanding] | Exception) -> None:
    def settle() -> None:
        if job.answer.done():
            return  # nobody waits any more
        if isinstance(result, Exception):
            job.answer.set_exception(result)
        else:
            job.answer.set_result(result)

    try:
        job.loop.call_soon_threadsafe(settle)
    except RuntimeError:
        return  # the loop that asked is closed
