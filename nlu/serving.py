"""The reader behind the `Nlu` port: short messages between two steps of the loop, long ones beside.

A short text is read in less than a millisecond: handing it to a thread would cost as much as
reading it, since both want the interpreter. Those that come in together are read together.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import NamedTuple, Self

from bot.model.understanding import Understanding, Utterance
from nlu.pipeline import load_manifest
from nlu.reader import Reader
from nlu.shelf import in_service

# As many texts as keep the interpreter for less than a millisecond, and the pause in which the
# event loop gets it while more is waiting (a sleep of 0 would often take it straight back).
_BATCH = 4
_PAUSE = 0.000_05
_BRIEF = 400  # characters


_ReadSome = Callable[[Sequence[Utterance]], list[Understanding]]


class _Job(NamedTuple):
    utterances: Sequence[Utterance]
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[list[Understanding]]


_Tell = Callable[[_Job, list[Understanding] | Exception], None]


class SpacyNlu:
    """Reads messages, long ones on a thread of its own; `close` ends it."""

    def __init__(
        self, reader: Reader, *, use_vectors: bool = True, encoder: Path | None = None
    ) -> None:
        self._reader = reader
        self._use_vectors = use_vectors
        self._encoder = encoder
        self._reading = threading.Lock()
        self._brief: deque[_Job] = deque()
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._closed = False
        # A daemon: a server that dies without `close` must not hang on it.
        self._thread = threading.Thread(target=self._work, name="nlu", daemon=True)
        self._thread.start()

    @classmethod
    def load(cls, folder: Path, *, use_vectors: bool = True, encoder: Path | None = None) -> Self:
        """Serve the model in a folder; raises ConfigError."""
        reader = Reader.load(folder, use_vectors=use_vectors, encoder=encoder)
        return cls(reader, use_vectors=use_vectors, encoder=encoder)

    @property
    def model(self) -> str:
        """The version of the model: a hash of its data and configuration."""
        return self._reader.model.version

    @property
    def degraded(self) -> bool:
        """Whether the model was trained with word vectors that are not installed here."""
        return self._reader.model.intent.degraded

    @property
    def _is_slow(self) -> bool:
        """Whether also a short text takes too long to be read between two steps of the loop."""
        return self._reader.model.intent.encoder is not None

    async def read(self, utterances: Sequence[Utterance]) -> list[Understanding]:
        """Read texts, one understanding for each, in order; does not block the event loop."""
        if self._closed:
            raise RuntimeError("the reader is closed")
        if not utterances:
            return []
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[Understanding]] = loop.create_future()
        job = _Job(tuple(utterances), loop, answer)
        if self._is_slow or sum(len(utterance.text) for utterance in utterances) > _BRIEF:
            self._jobs.put(job)
        else:
            self._brief.append(job)
            if len(self._brief) == 1:
                loop.call_soon(self._read_brief)
        return await answer

    def fresh(self, folder: Path) -> Callable[[], str] | None:
        """Load what a folder has in service; None when it is what is read with already.

        Loading takes a while and belongs on a thread. What is returned takes the model over, and
        belongs on the event loop. Raises ConfigError.
        """
        if load_manifest(in_service(folder)).version == self.model:
            return None
        reader = Reader.load(folder, use_vectors=self._use_vectors, encoder=self._encoder)

        def take_over() -> str:
            self._reader = reader
            return self.model

        return take_over

    async def close(self) -> None:
        """Finish what was asked for and end the thread."""
        if self._closed:
            return
        self._closed = True
        while self._brief:
            self._jobs.put(self._brief.popleft())
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _read_brief(self) -> None:
        """Read some of the short ones here and now, unless the thread is reading."""
        jobs: list[_Job] = []
        while self._brief and sum(len(job.utterances) for job in jobs) < _BATCH:
            jobs.append(self._brief.popleft())
        if self._brief:
            jobs[0].loop.call_soon(self._read_brief)
        if not jobs:  # it was closed meanwhile
            return
        if self._reading.acquire(blocking=False):
            try:
                self._serve(jobs, self._reader.read, _settle)
            finally:
                self._reading.release()
        else:
            for job in jobs:
                self._jobs.put(job)

    def _read_aside(self, reader: Reader, utterances: Sequence[Utterance]) -> list[Understanding]:
        with self._reading:
            return reader.read(utterances)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            jobs = [job]
            closing = self._gather(jobs)
            # With one reader to the end, also when another is taken over meanwhile.
            self._serve(jobs, partial(self._read_aside, self._reader), _post)
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

    def _serve(self, jobs: Sequence[_Job], read_some: _ReadSome, tell: _Tell) -> None:
        utterances = [utterance for job in jobs for utterance in job.utterances]
        read: list[Understanding] = []
        try:
            for start in range(0, len(utterances), _BATCH):
                if start:
                    time.sleep(_PAUSE)
                read += read_some(utterances[start : start + _BATCH])
        except Exception as wrong:  # noqa: BLE001 - outermost loop: whoever asked gets the error
            for job in jobs:
                tell(job, wrong)
            return
        at = 0
        for job in jobs:
            tell(job, read[at : at + len(job.utterances)])
            at += len(job.utterances)


def _settle(job: _Job, result: list[Understanding] | Exception) -> None:
    if job.answer.done():
        return  # nobody waits any more
    if isinstance(result, Exception):
        job.answer.set_exception(result)
    else:
        job.answer.set_result(result)


def _post(job: _Job, result: list[Understanding] | Exception) -> None:
    try:
        job.loop.call_soon_threadsafe(_settle, job, result)
    except RuntimeError:
        return  # the loop that asked is closed
