"""The brand's voice as rules: forbidden words, long sentences, shouting, `ni` in Swedish."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bot.hub.content.fields import Fields, Place, read_fields
from bot.hub.content.problem import Problem
from bot.model.value import Value

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bot.hub.content.parse import Source

VOICE_FILE = "voice.yaml"
_TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_BRANCH = re.compile(r"\{%-?\s*(else|elsif|when)\b")
_SENTENCE = re.compile(r"(?:[^.!?\n]|[.!?](?!\s|$))+")
_WORD = re.compile(r"\w+(?:[-'’.]\w+)*")
_NI = ("ni", "er", "ert", "era")


class Forbidden(Value):
    """A word or phrase that the brand does not use, and what to write instead."""

    phrase: str
    instead: str


class VoiceRules(Value):
    """How the brand talks; `forbidden` holds pairs of a language and its words."""

    max_sentence_words: int = 25
    max_exclamations: int = 1
    forbidden: tuple[tuple[str, tuple[Forbidden, ...]], ...] = ()

    def words(self, language: str) -> tuple[Forbidden, ...]:
        """What may not be said in a language."""
        return next((words for name, words in self.forbidden if name == language), ())


def load_voice(folder: Path) -> VoiceRules:
    """Read a content folder's voice file, defaults when there is none; raises ConfigError."""
    path = folder / VOICE_FILE
    if not path.exists():
        return VoiceRules()
    return parse_voice(path.read_text(encoding="utf-8-sig"), file=VOICE_FILE)


def parse_voice(text: str, *, file: str) -> VoiceRules:
    """Read the text of a voice file; raises ConfigError with file, line, field and mend."""
    fields = read_fields(text, file=file)
    fields.only("max_sentence_words", "max_exclamations", "forbidden")
    listed = fields.inner("forbidden")
    forbidden = tuple(
        (language, tuple(_forbidden(item, listed.at(language)) for item in listed.items(language)))
        for language in listed or ()
        if listed is not None
    )
    return VoiceRules(
        max_sentence_words=fields.count("max_sentence_words", instead=25),
        max_exclamations=fields.count("max_exclamations", instead=1),
        forbidden=forbidden,
    )


def _forbidden(item: Fields | str, place: Place) -> Forbidden:
    if isinstance(item, str):
        raise place.error(
            f"'{item}' says not what to write instead",
            "Write it like `{phrase: tyvärr, instead: säg vad som går}`.",
        )
    item.only("phrase", "instead")
    return Forbidden(
        phrase=item.required("phrase", example="tyvärr"),
        instead=item.required("instead", example="säg vad som går"),
    )


def check_tone(source: Source, rules: VoiceRules) -> Iterator[Problem]:
    """What in a text is not how the brand talks."""
    text = source.variant.text
    language = source.variant.locale.partition("-")[0]
    for banned in rules.words(language):
        for match in _whole_words(banned.phrase, text):
            message = f"'{match[0]}' is a forbidden word: {banned.instead}"
            yield _problem(source, match.start(), "forbidden-word", message)
    if language == "sv":
        for match in _whole_words("|".join(_NI), text):
            message = f"'{match[0]}' is ni-tilltal: write to one person, with du"
            yield _problem(source, match.start(), "ni-address", message)
    yield from _check_sentences(source, rules)


def _check_sentences(source: Source, rules: VoiceRules) -> Iterator[Problem]:
    text = _TAG.sub(_blank, source.variant.text)
    for sentence in _SENTENCE.finditer(text):
        words = len(_WORD.findall(sentence[0]))
        if words > rules.max_sentence_words:
            message = f"a sentence of {words} words; {rules.max_sentence_words} at most"
            yield _problem(source, sentence.start(), "long-sentence", message)
    shouts = [at for at, character in enumerate(text) if character == "!"]
    if len(shouts) > rules.max_exclamations:
        message = f"{len(shouts)} exclamation marks; {rules.max_exclamations} at most"
        yield _problem(source, shouts[rules.max_exclamations], "exclamation-marks", message)


def _blank(tag: re.Match[str]) -> str:
    """As many characters without words; one branch's sentence ends where the next branch begins."""
    width = len(tag[0])
    if tag[0].startswith("{{"):
        return "x".ljust(width)
    return ("." if _BRANCH.match(tag[0]) else " ").ljust(width)


def _whole_words(pattern: str, text: str) -> Iterator[re.Match[str]]:
    words = pattern if "|" in pattern else re.escape(pattern)
    return re.finditer(rf"(?<!\w)(?:{words})(?!\w)", text, re.IGNORECASE)


def _problem(source: Source, at: int, rule: str, message: str) -> Problem:
    before = source.variant.text[:at]
    line, column = before.count("\n"), at - before.rfind("\n")
    return Problem(
        file=source.file, line=source.line + line, rule=rule, message=f"column {column}: {message}"
    )
