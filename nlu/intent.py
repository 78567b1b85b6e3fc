"""The component that reads what a customer wants."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self

import numpy as np
from spacy.language import Language as Pipeline
from spacy.tokens import Doc
from typing_extensions import override

from bot.model.understanding import Guess, Need
from bot.model.value import Value
from nlu.arrays import Floats, Ints
from nlu.calibrate import Calibration
from nlu.data import Intent
from nlu.encoder import Encoder
from nlu.fit import Fitted
from nlu.heads import Heads, load_heads
from nlu.reading import Component, Reading, reading_of
from nlu.vectors import StaticVectors, load_vectors
from nlu.vocabulary import Vocabulary, learn_vocabulary, load_vocabulary
from nlu.words import Features, Words

_GUESSES = 5
_LINE = 0.5  # of the scope, by how calibration defines it
_ENCODED = 2_000  # characters
_LEAST = 0.01  # confidence below which a further guess helps nobody


class _Facts(Value):
    """What belongs to the arrays: which intents, and how to read the scores."""

    names: tuple[str, ...]
    needs: tuple[Need | None, ...]
    full: Calibration
    lexical: Calibration
    vectors: str | None
    meanings: dict[str, str]


class IntentReader(Component):
    """Scores every intent for a text; gives the likeliest, calibrated, and whether it is in scope.

    A model that was trained with vectors reads by words alone where the vectors are missing or
    are others; `vectors` says which it is.
    """

    def __init__(self, *, use_vectors: bool = True) -> None:
        self._meanings: dict[str, str] = {}
        self._vocabulary: Vocabulary | None = None
        self._words = Words(load_vectors() if use_vectors else None, {})
        self.encoder: Encoder | None = None
        self._heads: Heads | None = None
        self._facts: _Facts | None = None

    @property
    def trained(self) -> _Facts:
        """The facts of the trained model; raises RuntimeError before training."""
        if self._facts is None:
            raise RuntimeError("the intent component is not trained")
        return self._facts

    @property
    def vectors(self) -> StaticVectors | None:
        """The vectors in use, or None when reading by words alone."""
        return self._words.vectors

    @property
    def vectors_name(self) -> str | None:
        """Which vectors are in use, of words and of sentences."""
        if self.vectors is None:
            return None
        return f"{self.vectors.name}+{self.encoder.name}" if self.encoder else self.vectors.name

    def use(self, encoder: Encoder | None) -> None:
        """Take the vectors of sentences from an encoder, before training or loading."""
        self.encoder = encoder if self.vectors is not None else None

    @property
    def degraded(self) -> bool:
        """Whether the model knows vectors that are not here."""
        return self.trained.vectors is not None and self.vectors is None

    def know(self, meanings: Mapping[str, str]) -> None:
        """Take the English meanings of Swedish words, before training."""
        self._meanings = dict(meanings)
        self._words = Words(self.vectors, self._meanings)

    def meet(self, docs: Iterable[Doc]) -> Ints:
        """Learn the words of the texts to train on; their language must have been read.

        Returns for each word the only text that has it, or -1; no words without vectors.
        """
        if self.vectors is None:
            return np.zeros(0, dtype=np.int64)
        terms = self._words.terms
        texts = [terms(doc, swedish=reading_of(doc).language == "sv") for doc in docs]
        self._vocabulary, owners = learn_vocabulary(texts, self._words.vector)
        self._words = Words(self.vectors, self._meanings, self._vocabulary)
        return owners

    def features(self, docs: Iterable[Doc]) -> list[Features]:
        """The texts as numbers; their language must have been read."""
        return [self._features(doc) for doc in docs]

    def _features(self, doc: Doc) -> Features:
        features = self._words.features(doc, swedish=reading_of(doc).language == "sv")
        if self.encoder is None or self._words.vectors is None:
            return features
        # What is far beyond the encoder's most tokens costs time and is not read by it.
        return features._replace(vector=self.encoder.encode([doc.text[:_ENCODED]])[0])

    def adopt(self, fitted: Fitted, intents: Sequence[Intent]) -> None:
        """Take what training found."""
        self._heads = fitted.heads
        self._facts = _Facts(
            names=tuple(intent.name for intent in intents),
            needs=tuple(intent.need for intent in intents),
            full=fitted.full,
            lexical=fitted.lexical,
            vectors=self.vectors_name,
            meanings=self._meanings,
        )

    @override
    def read(self, docs: Sequence[Doc]) -> None:
        facts = self.trained
        texts = self.features(docs)
        some = [at for at, text in enumerate(texts) if len(text.buckets)]
        if not some or self._heads is None:
            return
        scores = self._heads.scores([texts[at] for at in some])
        calibration = facts.full if self._heads.meaning is not None else facts.lexical
        probabilities, scopes = calibration.probabilities(scores), calibration.scope(scores)
        for at, row, scope in zip(some, probabilities, scopes.tolist(), strict=True):
            self._note(reading_of(docs[at]), row, scope, facts)

    def _note(self, reading: Reading, row: Floats, scope: float, facts: _Facts) -> None:
        best = row.argsort()[: -_GUESSES - 1 : -1].tolist()
        shares = row.take(best).tolist()
        reading.probabilities = row
        reading.guesses = tuple(
            Guess(intent=facts.names[at], confidence=share)
            for at, share in zip(best, shares, strict=True)
            if share >= _LEAST or at == best[0]
        )
        reading.scope = scope
        reading.in_scope = scope >= _LINE
        reading.need = facts.needs[best[0]] if reading.in_scope else None

    @override
    def to_disk(self, path: Path | str, *, exclude: Iterable[str] = ()) -> None:
        if self._heads is None:
            raise RuntimeError("the intent component is not trained")
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        self._heads.save(folder / "heads.npz")
        if self._vocabulary is not None:
            self._vocabulary.save(folder / "vocabulary.npz")
        facts = self.trained.model_dump(mode="json")
        (folder / "facts.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")

    @override
    def from_disk(self, path: Path | str, *, exclude: Iterable[str] = ()) -> Self:
        folder = Path(path)
        facts = _Facts.model_validate_json((folder / "facts.json").read_bytes())
        heads = load_heads(folder / "heads.npz")
        if heads.meaning is not None and self.vectors_name != facts.vectors:
            heads = heads.without_vectors()
        self._vocabulary = None
        if heads.meaning is not None:
            self._vocabulary = load_vocabulary(folder / "vocabulary.npz")
        self._meanings = facts.meanings
        vectors = self.vectors if heads.meaning is not None else None
        self._words = Words(vectors, self._meanings, self._vocabulary)
        self._heads, self._facts = heads, facts
        return self


@Pipeline.factory("samtal_intent", default_config={"use_vectors": True})
def _make(nlp: Pipeline, name: str, use_vectors: bool) -> IntentReader:  # noqa: ARG001, FBT001 - spaCy passes all by name
    return IntentReader(use_vectors=use_vectors)
