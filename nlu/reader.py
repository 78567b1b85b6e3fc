"""Texts in, understandings out: the pipeline with its bookkeeping, for one thread at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from spacy.tokens import Doc

from bot.model.understanding import Understanding, Utterance
from nlu.blas import use_one_thread
from nlu.pipeline import Model, load_model
from nlu.reading import Component, Reading, begin, reading_of
from nlu.shelf import in_service
from nlu.text import MAX_CHARACTERS

# spaCy remembers every new word for ever. So it may, up to here; from then on new words live in a
# memory zone that is left after so many texts.
_WORDS = 50_000
_ZONE = 2_000


_LONG_WORD = re.compile(r"\S{61,}")
_READ_OF_WORD = 60


def _blanked(word: re.Match[str]) -> str:
    return word[0][:_READ_OF_WORD].ljust(len(word[0]))


class Reader:
    """Reads texts with a model; not for several threads at once."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._parts: list[Component] = [
            part for _, part in model.nlp.pipeline if isinstance(part, Component)
        ]
        self._zone = ExitStack()
        self._in_zone = _ZONE

    @classmethod
    def load(cls, folder: Path, *, use_vectors: bool = True, encoder: Path | None = None) -> Reader:
        """A reader of the model that a folder holds or has in service; raises ConfigError."""
        use_one_thread()
        model = load_model(in_service(folder), use_vectors=use_vectors, encoder=encoder)
        reader = cls(model)
        # Warm: the first text pays for what is set up on first use.
        reader.read([Utterance(text="hej, var är min order FB-123456? where is it")])
        return reader

    def read(self, utterances: Sequence[Utterance]) -> list[Understanding]:
        """One understanding for each text, in order; never raises, whatever the text."""
        self._renew_zone(len(utterances))
        docs = [self._doc(utterance) for utterance in utterances]
        for part in self._parts:
            part.read(docs)
        return [self._understanding(reading_of(doc)) for doc in docs]

    def _renew_zone(self, count: int) -> None:
        self._in_zone += count
        if self._in_zone >= _ZONE and len(self.model.nlp.vocab.strings) > _WORDS:
            self._zone.close()
            self._zone.enter_context(self.model.nlp.memory_zone())
            self._in_zone = 0

    def _doc(self, utterance: Utterance) -> Doc:
        text = utterance.text
        if not text.isascii():
            # Lone surrogates come by JSON escapes; spaCy cannot encode them.
            text = text.encode("utf-8", "replace").decode()
        text = text[:MAX_CHARACTERS]
        # Splitting takes time by the square of a word's length; places in the text stay the same.
        doc = self.model.nlp.make_doc(_LONG_WORD.sub(_blanked, text))
        begin(doc, Reading(text=text, thread_language=utterance.language))
        return doc

    def _understanding(self, reading: Reading) -> Understanding:
        caution = self.model.caution
        return Understanding(
            language=reading.language,
            language_confidence=reading.language_confidence,
            guesses=reading.guesses,
            scope=reading.scope,
            in_scope=reading.in_scope,
            stages=reading.stages,
            need=reading.need,
            entities=reading.entities,
            frustration=reading.frustration,
            human_wanted=reading.human_wanted,
            quotes=reading.quotes,
            urgency=reading.urgency,
            sentiment=reading.sentiment,
            answer_at=caution.answer_at if caution else None,
            ask_at=caution.ask_at if caution else None,
            model=self.model.version,
        )

    def in_batches(self, utterances: Sequence[Utterance], size: int) -> Iterator[Understanding]:
        """Read many texts, a batch at a time."""
        for start in range(0, len(utterances), size):
            yield from self.read(utterances[start : start + size])
