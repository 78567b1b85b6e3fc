"""From which confidence to answer, to ask back, or to bring in a human: what costs the least.

Chosen on texts that a model was not trained on. A wrong answer, a question that was needless as
the likeliest intent was right, and a human for what the bot could have solved have their costs in
the settings.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np

from bot.model.understanding import Utterance
from nlu.data import OUT_OF_SCOPE, Corpus, Example
from nlu.pipeline import Caution, Model
from nlu.reader import Reader
from nlu.settings import Costs

_FOLDS: Final = 3
_ROUNDS: Final = 2
# So many examples are looked at, or so many of each intent where there are many: the lines are
# of calibrated confidences, which a smaller model has too.
_MOST: Final = 600
_EACH: Final = 6
_LEAST: Final = 50
_BATCH: Final = 64
_LINES: Final = tuple(round(0.02 * step, 2) for step in range(1, 50))

Fit = Callable[[Corpus], Model]


class Trial(NamedTuple):
    """One text that was held out: how sure the model was, and of what.

    `right`: the likeliest is it. `near`: it is among the two likeliest. `passed`: read as within
    scope.
    """

    confidence: float
    right: bool
    near: bool
    passed: bool


def caution(corpus: Corpus, fit: Fit) -> Caution | None:
    """The lines for a corpus; None when there is too little to say."""
    trials = list(_trials(_some(corpus), fit))
    return chosen(trials, corpus.settings.costs) if len(trials) >= _LEAST else None


def chosen(trials: Sequence[Trial], costs: Costs) -> Caution:
    """The pair of lines with the least mean cost; of equals the one that asks least."""
    sure = np.array([trial.confidence if trial.passed else 0.0 for trial in trials])
    right = np.array([trial.right for trial in trials])
    near = np.array([trial.near for trial in trials])
    # A question leads on only if what is meant is among the two; else a human comes after all.
    answer = np.where(right, 0.0, costs.wrong)
    ask = np.where(right | ~near, costs.question, 0.0)
    human = np.where(near, costs.human, 0.0)
    best: tuple[float, float, float] | None = None
    for answer_at in _LINES:
        for ask_at in (line for line in _LINES if line <= answer_at):
            paid = np.where(sure >= answer_at, answer, np.where(sure >= ask_at, ask, human))
            found = round(float(paid.mean()), 6), answer_at - ask_at, answer_at
            best = found if best is None else min(best, found)
    assert best is not None  # noqa: S101 - there are lines
    cost, between, answer_at = best
    ask_at = round(answer_at - between, 2)
    answered, asked = sure >= answer_at, (sure < answer_at) & (sure >= ask_at)
    return Caution(
        answer_at=answer_at,
        ask_at=ask_at,
        cost=round(cost, 4),
        answered=round(float(answered.mean()), 4),
        asked=round(float(asked.mean()), 4),
        handed=round(float((sure < ask_at).mean()), 4),
        wrong=round(float((~right[answered]).mean()), 4) if answered.any() else 0.0,
    )


def _some(corpus: Corpus) -> Corpus:
    """The corpus, or of a large one so many examples, as even over the intents as they are."""
    most = max(_MOST, _EACH * len(corpus.intents))
    if len(corpus.examples) <= most:
        return corpus
    step = len(corpus.examples) / most
    kept = {int(number * step) for number in range(most)}
    first = {example.intent: at for at, example in reversed([*enumerate(corpus.examples)])}
    kept |= set(first.values())
    examples = tuple(one for at, one in enumerate(corpus.examples) if at in kept)
    return corpus.model_copy(update={"examples": examples})


def _trials(corpus: Corpus, fit: Fit) -> Iterator[Trial]:
    places = _spread(corpus.examples)
    outside = [at % _FOLDS for at in range(len(corpus.outside))]
    for fold in range(_ROUNDS):
        learnt = {
            "examples": _part(corpus.examples, places, fold, held=False),
            "outside": _part(corpus.outside, outside, fold, held=False),
        }
        reader = Reader(fit(corpus.model_copy(update=learnt)))
        held = _part(corpus.examples, places, fold, held=True)
        held += _part(corpus.outside, outside, fold, held=True)
        texts = [Utterance(text=example.text) for example in held]
        for example, read in zip(held, reader.in_batches(texts, _BATCH), strict=True):
            names = [guess.intent for guess in read.guesses]
            known = example.intent != OUT_OF_SCOPE
            yield Trial(
                confidence=read.confidence,
                right=known and names[:1] == [example.intent],
                near=known and example.intent in names[:2],
                passed=read.in_scope,
            )


def _spread(examples: Sequence[Example]) -> list[int]:
    """A fold for each example; the first of every intent is always learnt from."""
    seen: dict[str, int] = defaultdict(int)
    places = []
    for example in examples:
        places.append(-1 if not seen[example.intent] else seen[example.intent] % _FOLDS)
        seen[example.intent] += 1
    return places


def _part(
    examples: Sequence[Example], places: Sequence[int], fold: int, *, held: bool
) -> tuple[Example, ...]:
    return tuple(
        one for one, place in zip(examples, places, strict=True) if (place == fold) is held
    )
