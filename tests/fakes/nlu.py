"""A reader that knows a handful of words."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from bot.model.understanding import Guess, Understanding
from tests.builders import not_understood, understood

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bot.model.understanding import Language, Utterance

TABLE: dict[str, Understanding | str] = {
    "hej": "greet",
    "hello": "greet",
    "leverans": "delivery.time",
    "delivery": "delivery.time",
    "faktura": "invoice.copy",
    "invoice": "invoice.copy",
    "pris": understood("price.ask", stage="consider"),
    "price": understood("price.ask", stage="consider", language="en"),
    "människa": understood("human.ask", human_wanted=1.0),
    "human": understood("human.ask", human_wanted=1.0, language="en"),
    "värdelöst": understood("complaint", frustration=0.9),
    "useless": understood("complaint", frustration=0.9, language="en"),
}
_SWEDISH = frozenset({"hej", "och", "jag", "är", "det", "på", "inte", "vad", "när", "tack"})
_ENGLISH = frozenset({"hello", "and", "i", "is", "the", "on", "not", "what", "when", "thanks"})
_MOST = 5


class FakeNlu:
    """An `Nlu` that looks for keywords, in the order of its table; the same text reads the same.

    A keyword stands for an intent, or for a whole `Understanding` (which may hold close guesses,
    entities, frustration). Further intents found in the text follow as weaker guesses. `reads`
    holds every batch that was asked for.
    """

    model = "fake-1"

    def __init__(self, table: Mapping[str, Understanding | str] | None = None) -> None:
        self._table = TABLE if table is None else table
        self.reads: list[tuple[Utterance, ...]] = []

    async def read(self, utterances: Sequence[Utterance]) -> list[Understanding]:
        self.reads.append(tuple(utterances))
        await asyncio.sleep(0)  # a real reader lets others run
        return [self._read(utterance) for utterance in utterances]

    def _read(self, utterance: Utterance) -> Understanding:
        words = re.findall(r"\w+", utterance.text.casefold())
        language = _language(words) or utterance.language
        heard = f" {' '.join(words)} "
        found = [means for word, means in self._table.items() if f" {word.casefold()} " in heard]
        if not found:
            return not_understood(language=language).model_copy(update={"model": self.model})
        best = found[0]
        if isinstance(best, str):
            best = understood(best, language=language or "sv")
        return best.model_copy(update={"guesses": _guesses(best, found[1:]), "model": self.model})


def _guesses(best: Understanding, others: Sequence[Understanding | str]) -> tuple[Guess, ...]:
    guesses = list(best.guesses)
    for other in others:
        intent = other if isinstance(other, str) else other.guesses[0].intent
        if intent not in {guess.intent for guess in guesses}:
            guesses.append(Guess(intent=intent, confidence=guesses[-1].confidence / 10))
    return tuple(guesses[:_MOST])


def _language(words: Sequence[str]) -> Language | None:
    swedish = sum(word in _SWEDISH or not word.isascii() for word in words)
    english = sum(word in _ENGLISH for word in words)
    if swedish == english:
        return None
    return "sv" if swedish > english else "en"
