"""Frustration, and the wish for a person: from phrases, marks, capitals and intents."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from spacy.language import Language as Pipeline
from spacy.matcher import PhraseMatcher
from spacy.tokens import Doc
from typing_extensions import override

from nlu.reading import Configured, Reading, reading_of
from nlu.settings import NluSettings

_MARKS = re.compile(r"[!?]*(?:!{3}|\?{3}|!\?|\?!)[!?]*")
_HUMAN = "human"
_CERTAIN = 0.95
_NEGATED = 0.2
_REACH = 4  # words before a phrase in which a negation counts
_LEAST_CAPITALS = 8


class MoodReader(Configured):
    """Scores how frustrated a text sounds and whether it asks for a person."""

    def __init__(self, nlp: Pipeline) -> None:
        self._nlp = nlp
        self.set(NluSettings())

    @override
    def set(self, settings: NluSettings) -> None:
        """Take phrases and weights from the settings."""
        self._settings = settings
        self._matcher = PhraseMatcher(self._nlp.vocab, attr="NORM")
        self._weights: dict[int, float] = {}
        for number, signs in enumerate(settings.frustration.phrases):
            key = f"frustration.{number}"
            self._matcher.add(key, [self._nlp.make_doc(name) for name in signs.names])
            self._weights[self._nlp.vocab.strings[key]] = signs.weight
        if settings.human_phrases:
            phrases = [self._nlp.make_doc(phrase) for phrase in settings.human_phrases]
            self._matcher.add(_HUMAN, phrases)
        self._human = self._nlp.vocab.strings.add(_HUMAN)
        self._negations = frozenset(self._nlp.make_doc(word)[0].norm for word in settings.negations)

    @override
    def read(self, docs: Sequence[Doc]) -> None:
        for doc in docs:
            self._read(doc, reading_of(doc))

    def _read(self, doc: Doc, reading: Reading) -> None:
        asked = negated = False
        weights: dict[int, float] = {}
        for key, start, _ in self._matcher(doc):
            if key != self._human:
                weights[key] = self._weights[key]
            elif self._negated(doc, start):
                negated = True
            else:
                asked = True
        wanted = reading.confidence_in(self._settings.human_intents)
        if asked:
            wanted = max(wanted, _CERTAIN)
        elif negated:
            wanted *= _NEGATED
        reading.human_wanted = min(wanted, 1.0)
        reading.frustration = self._frustration(reading, weights.values())

    def _negated(self, doc: Doc, start: int) -> bool:
        before = (doc[at].norm for at in range(max(0, start - _REACH), start))
        return not self._negations.isdisjoint(before)

    def _frustration(self, reading: Reading, weights: Iterable[float]) -> float:
        settings = self._settings.frustration
        calm = 1.0
        for weight in weights:
            calm *= 1 - weight
        for intent, weight in settings.intents.items():
            calm *= 1 - weight * reading.confidence_in([intent])
        text = reading.text
        if _MARKS.search(text):
            calm *= 1 - settings.marks
        if _shouted(text):
            calm *= 1 - settings.capitals
        return 1 - calm


def _shouted(text: str) -> bool:
    """Whether most letters of a text of some length are capitals."""
    if " " not in text.strip() or text.islower():
        return False
    capitals = sum(map(str.isupper, text))
    return capitals >= _LEAST_CAPITALS and capitals > 0.7 * sum(map(str.isalpha, text))


@Pipeline.factory("samtal_mood")
def _make(nlp: Pipeline, name: str) -> MoodReader:  # noqa: ARG001 - spaCy passes both by name
    return MoodReader(nlp)
