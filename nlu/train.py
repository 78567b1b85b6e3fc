"""From examples to a model."""

from __future__ import annotations

import time
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
from spacy.tokens import Doc

from bot.errors import ConfigError
from bot.model.understanding import Language
from bot.model.value import Value
from nlu.blas import use_one_thread
from nlu.caution import caution
from nlu.data import Corpus, Example, Overlap, distinct, load_corpus, overlaps
from nlu.encoder import load_encoder
from nlu.fit import fit_heads
from nlu.pipeline import Caution, Model
from nlu.reading import reading_of
from nlu.swedish import own_meanings

_THIN = 5
# Up to here the matrices are too small for a second thread to help.
_SMALL = 4_000


class LanguageCount(Value):
    """How many examples are written in a language; None where it was not said."""

    language: Language | None
    examples: int


class TrainingReport(Value):
    """What training used and how good the model is on examples held out of it.

    `accuracy`, `calibration_error`, `known_kept` and `unknown_rejected` are held-out figures of
    the design in use; `vectors` is None when it reads by words alone. `overlaps` are texts that
    stand under several intents, `repeats` how many examples were dropped as repeated, `thin` the
    intents with fewer than five examples. `caution` says when to answer, ask back or hand over.
    """

    model: str
    folder: str
    vectors: str | None
    intents: int
    examples: int
    out_of_scope: int
    languages: tuple[LanguageCount, ...]
    repeats: int
    overlaps: tuple[Overlap, ...]
    thin: tuple[str, ...]
    accuracy: float
    accuracy_without_vectors: float
    calibration_error: float
    temperature: float
    threshold: float
    known_kept: float
    unknown_rejected: float | None
    caution: Caution | None
    seconds: float = 0.0
    notes: tuple[str, ...] = ()


def train(
    data: Path, out: Path, *, use_vectors: bool = True, encoder: Path | None = None
) -> TrainingReport:
    """Train on a .jsonl file or a folder of our YAML and write the model folder in one step.

    `encoder` names a folder with an encoder of sentences (nlu/encoder.py).
    Same data, same model: its version is a hash of the content. Raises ConfigError.
    """
    begun = time.perf_counter()
    corpus = load_corpus(data)
    if out.exists() and not (out / "model.json").is_file():
        mend = "Name a new folder or an earlier model."
        raise ConfigError("there is something else here", where=str(out), mend=mend)
    kept = corpus.model_copy(update={"examples": distinct(corpus.examples)})
    model = fitted_model(kept, use_vectors=use_vectors, encoder=encoder)
    fit = partial(fitted_model, use_vectors=use_vectors, encoder=encoder)
    model.caution = caution(kept, fit)
    model.keep(out, encoder=encoder)
    seconds = time.perf_counter() - begun
    return _report(corpus, kept, model, out).model_copy(update={"seconds": round(seconds, 2)})


def fitted_model(corpus: Corpus, *, use_vectors: bool = True, encoder: Path | None = None) -> Model:
    """A model that learnt from a corpus."""
    if len(corpus.examples) <= _SMALL:
        use_one_thread()
    model = Model.blank(use_vectors=use_vectors)
    model.intent.use(load_encoder(encoder) if encoder else None)
    inside = [_doc(model, example) for example in corpus.examples]
    outside = [_doc(model, example) for example in corpus.outside]
    model.language.learn(
        ([token.text for token in doc], example.language)
        for doc, example in zip(
            (*inside, *outside), (*corpus.examples, *corpus.outside), strict=True
        )
        if example.language
    )
    model.language.read([*inside, *outside])
    model.intent.know({**own_meanings(), **corpus.settings.meanings})
    owners = model.intent.meet(inside)
    numbers = {intent.name: number for number, intent in enumerate(corpus.intents)}
    fitted = fit_heads(
        model.intent.features(inside),
        np.array([numbers[example.intent] for example in corpus.examples]),
        owners=owners,
        unknown=model.intent.features(outside),
        reject_rate=corpus.settings.reject_rate,
    )
    model.adopt(corpus, fitted)
    return model


def _doc(model: Model, example: Example) -> Doc:
    doc = model.nlp.make_doc(example.text)
    reading_of(doc).thread_language = example.language
    return doc


def _report(written: Corpus, used: Corpus, model: Model, out: Path) -> TrainingReport:
    facts = model.intent.trained
    counts = Counter(example.intent for example in used.examples)
    thin = tuple(sorted(name for name, count in counts.items() if count < _THIN))
    both = overlaps((*written.examples, *written.outside))
    return TrainingReport(
        model=model.version,
        folder=str(out),
        vectors=facts.vectors,
        intents=len(used.intents),
        examples=len(used.examples),
        out_of_scope=len(used.outside),
        languages=_languages(used.examples),
        repeats=len(written.examples) - len(used.examples),
        overlaps=both,
        thin=thin,
        accuracy=facts.full.accuracy,
        accuracy_without_vectors=facts.lexical.accuracy,
        calibration_error=facts.full.error,
        temperature=facts.full.temperature,
        threshold=facts.full.threshold,
        known_kept=facts.full.known_kept,
        unknown_rejected=facts.full.unknown_rejected,
        caution=model.caution,
        notes=_notes(facts.vectors, thin, both),
    )


def _languages(examples: tuple[Example, ...]) -> tuple[LanguageCount, ...]:
    counts = Counter(example.language for example in examples)
    return tuple(
        LanguageCount(language=language, examples=count) for language, count in counts.most_common()
    )


def _notes(
    vectors: str | None, thin: tuple[str, ...], both: tuple[Overlap, ...]
) -> tuple[str, ...]:
    notes = []
    if vectors is None:
        notes.append("reads by words alone: install the extra `vectors` for word meanings")
    if thin:
        notes.append(f"fewer than {_THIN} examples: {', '.join(thin)}")
    if both:
        notes.append(f"{len(both)} texts stand under more than one intent")
    return tuple(notes)
