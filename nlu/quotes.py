"""What words show of need, mood, urgency and motive: each with where it stands in the message."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from spacy.language import Language as Pipeline
from spacy.matcher import PhraseMatcher
from spacy.tokens import Doc
from spacy.util import filter_spans
from typing_extensions import override

from bot.model.understanding import Need, Quote, QuoteKind
from nlu.reading import Configured, Reading, reading_of
from nlu.settings import NluSettings

_REACH = 2  # words before a phrase in which a negation counts
_BEGINNING = "*"
_LEAST = 3  # letters that a beginning of a word has at least


class _Sign(NamedTuple):
    """What a phrase shows, and how surely."""

    kind: QuoteKind
    value: str
    weight: float


class QuoteReader(Configured):
    """Finds the words that show what somebody needs, feels, and why they want it."""

    def __init__(self, nlp: Pipeline) -> None:
        self._nlp = nlp
        self.set(NluSettings())

    @override
    def set(self, settings: NluSettings) -> None:
        """Take phrases from the settings; `billig*` is every word that begins so."""
        self._settings = settings
        self._signs: list[_Sign] = []
        self._keys: dict[int, int] = {}
        self._beginnings: dict[str, list[tuple[str, int]]] = defaultdict(list)
        self._matcher = PhraseMatcher(self._nlp.vocab, attr="NORM")
        for need, names in settings.needs.items():
            self._add(_Sign("need", need, 1.0), names)
        for motive, names in settings.motives.items():
            self._add(_Sign("motive", motive, 1.0), names)
        for signs in settings.urgency:
            self._add(_Sign("urgency", "urgent", signs.weight), signs.names)
        for kind, groups in (
            ("pleased", settings.pleased),
            ("frustrated", settings.frustration.phrases),
        ):
            for signs in groups:
                self._add(_Sign("mood", kind, signs.weight), signs.names)
        self._negations = frozenset(self._norm(word) for word in settings.negations)

    def _add(self, sign: _Sign, names: Iterable[str]) -> None:
        number = len(self._signs)
        self._signs.append(sign)
        key = f"quote.{number}"
        self._keys[self._nlp.vocab.strings.add(key)] = number
        whole = []
        for name in names:
            if name.endswith(_BEGINNING):
                beginning = self._norm(name.removesuffix(_BEGINNING))
                self._beginnings[beginning[:_LEAST]].append((beginning, number))
            else:
                whole.append(self._nlp.make_doc(name))
        if whole:
            self._matcher.add(key, whole)

    def _norm(self, word: str) -> str:
        return self._nlp.make_doc(word)[0].norm_

    @override
    def read(self, docs: Sequence[Doc]) -> None:
        for doc in docs:
            self._read(doc, reading_of(doc))

    def _read(self, doc: Doc, reading: Reading) -> None:
        weights: dict[QuoteKind, list[float]] = defaultdict(list)
        pleased = 1.0
        quotes = []
        for start, end, number in self._found(doc):
            kind, value, weight = self._signs[number]
            if self._negated(doc, start):
                continue
            begin, stop = doc[start].idx, doc[end - 1].idx + len(doc[end - 1])
            quotes.append(
                Quote(kind=kind, value=value, text=reading.text[begin:stop], start=begin, end=stop)
            )
            weights[kind].append(weight)
            if value == "pleased":
                pleased *= 1 - weight
        reading.quotes = tuple(quotes)
        reading.urgency = _together(weights["urgency"])
        reading.sentiment = round((1 - pleased) - reading.frustration, 4)
        reading.need = self._need(reading)

    def _found(self, doc: Doc) -> list[tuple[int, int, int]]:
        """Start, end and sign of each, in order; of those of one kind that overlap the longest."""
        by_kind = defaultdict(list)
        for start, end, number in (*self._phrases(doc), *self._words(doc)):
            span = doc[start:end]
            span.label_ = str(number)
            by_kind[self._signs[number].kind].append(span)
        kept = [span for spans in by_kind.values() for span in filter_spans(spans)]
        return sorted((span.start, span.end, int(span.label_)) for span in kept)

    def _phrases(self, doc: Doc) -> Iterator[tuple[int, int, int]]:
        for key, start, end in self._matcher(doc):
            yield start, end, self._keys[key]

    def _words(self, doc: Doc) -> Iterator[tuple[int, int, int]]:
        for at, token in enumerate(doc):
            norm = token.norm_
            for beginning, number in self._beginnings.get(norm[:_LEAST], ()):
                if norm.startswith(beginning):
                    yield at, at + 1, number

    def _negated(self, doc: Doc, start: int) -> bool:
        before = (doc[at].norm_ for at in range(max(0, start - _REACH), start))
        return not self._negations.isdisjoint(before)

    def _need(self, reading: Reading) -> Need | None:
        """As the intent says, or where it says nothing, as most of the words do."""
        if reading.need is not None:
            return reading.need
        said = Counter(quote.value for quote in reading.quotes if quote.kind == "need")
        return Need(said.most_common(1)[0][0]) if said else None


def _together(weights: Iterable[float]) -> float:
    none = 1.0
    for weight in weights:
        none *= 1 - weight
    return round(1 - none, 4)


@Pipeline.factory("samtal_quotes")
def _make(nlp: Pipeline, name: str) -> QuoteReader:  # noqa: ARG001 - spaCy passes both by name
    return QuoteReader(nlp)
