"""Personas: as whom people write, and the words that show it; written by a person.

Everybody is `private` until their words, or an agent, say otherwise. A message is held against the
cues of its language: exact words or phrases in any case, with marks left out or not, and pieces
that the reader found. Several cues add up as 1 - (1-a)(1-b)...
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from bot.errors import ConfigError
from bot.hub.content.fields import Fields, read_fields
from bot.hub.persona_cards import PersonaTexts, read_texts
from bot.model.facet import PRIVATE
from bot.model.understanding import EntityFound, Language, PersonaShare
from bot.model.value import Value

_KEY = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_ENTITY = re.compile(r"[a-z_]+(:.+)?")
_WORD = re.compile(r"\w+")
_LANGUAGES: tuple[Language, ...] = ("sv", "en")
_READ_OF_TEXT = 4_000
_STEM = 3


class Cue(Value):
    """A sign of a persona: a phrase in one language, or a piece that was found in a text.

    The last word of a phrase may be the beginning of one: `firma*`. An entity is a kind, or a kind
    with its value: `size:122 cm`.
    """

    weight: float
    phrase: str = ""
    language: Language | None = None
    entity: str | None = None


class Persona(Value):
    """Somebody that a customer may speak as; `organisation`: for one, as one of its members.

    `texts`: what its card says of such customers.
    """

    key: str
    sv: str
    en: str
    organisation: bool = False
    cues: tuple[Cue, ...] = ()
    texts: PersonaTexts = PersonaTexts()


class Personas:
    """All personas there are; nothing in it changes after it is made."""

    def __init__(self, personas: Iterable[Persona] = ()) -> None:
        own = tuple(personas)
        private = Persona(key=PRIVATE, sv="Privat", en="Private")
        self.all = own if any(each.key == PRIVATE for each in own) else (private, *own)
        self.organisation = frozenset(each.key for each in self.all if each.organisation)
        self._phrases = _Phrases(self.all)

    def __contains__(self, key: str) -> bool:
        return any(persona.key == key for persona in self.all)

    @classmethod
    def load(cls, file: Path) -> Personas:
        """Read the file of personas; raises ConfigError for the first thing that is wrong."""
        try:
            text = file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            mend = "Check the path, and save the file as UTF-8."
            raise ConfigError("cannot be read", where=str(file), mend=mend) from error
        return cls(parse(text, file=file.name))

    def shown(
        self, text: str, *, language: Language | None, entities: Sequence[EntityFound] = ()
    ) -> tuple[PersonaShare, ...]:
        """The personas that a text shows, the surest first; in no known language, by any cue."""
        quotes = self._phrases.found(text, language=language)
        found: defaultdict[str, list[tuple[Cue, str]]] = defaultdict(list)
        for looked, quote in quotes:
            found[looked.persona].append((looked.cue, quote))
        for persona, cue, quote in self._pieces(entities):
            found[persona].append((cue, quote))
        shares = [_share(persona, cues) for persona, cues in found.items()]
        return tuple(sorted(shares, key=lambda each: (-each.share, each.persona)))

    def _pieces(self, entities: Sequence[EntityFound]) -> Iterator[tuple[str, Cue, str]]:
        for persona in self.all:
            for cue in persona.cues:
                for piece in entities:
                    if cue.entity in {piece.kind, f"{piece.kind}:{piece.value}"}:
                        yield persona.key, cue, piece.text
                        break


def _share(persona: str, cues: Sequence[tuple[Cue, str]]) -> PersonaShare:
    """How sure they are together; each stands in it once."""
    doubt = math.prod(1 - cue.weight for cue, _ in cues)
    _, quote = max(cues, key=lambda found: found[0].weight)
    return PersonaShare(persona=persona, share=round(1 - doubt, 6), quote=quote)


# --- looking for phrases ---------------------------------------------------------------------


class _Looked(NamedTuple):
    """A phrase as it is looked for: its words, the last of which may be a beginning.

    `number` is the cue's, which may be looked for in two ways.
    """

    number: int
    persona: str
    cue: Cue
    words: tuple[str, ...]
    open: bool


class _Word(NamedTuple):
    folded: str
    start: int
    end: int


class _Phrases:
    """Phrases by how they begin, so that a text costs by its words and not by the phrases."""

    def __init__(self, personas: Sequence[Persona]) -> None:
        self._whole: dict[str, list[_Looked]] = {}
        self._stems: dict[str, list[_Looked]] = {}
        cues = [(persona.key, cue) for persona in personas for cue in persona.cues]
        for number, (persona, cue) in enumerate(cues):
            for looked in _looked(number, persona, cue):
                first = looked.words[0]
                stem = looked.open and len(looked.words) == 1
                begun, key = (self._stems, first[:_STEM]) if stem else (self._whole, first)
                begun.setdefault(key, []).append(looked)

    def found(self, text: str, *, language: Language | None) -> list[tuple[_Looked, str]]:
        """What a text has of them, each once with its words, in the order of the text."""
        text = unicodedata.normalize("NFC", text[:_READ_OF_TEXT])
        words = [_Word(w[0].casefold(), w.start(), w.end()) for w in _WORD.finditer(text)]
        found: dict[int, tuple[_Looked, str]] = {}
        for place, word in enumerate(words):
            begun = (
                *self._whole.get(word.folded, ()),
                *self._stems.get(word.folded[:_STEM], ()),
            )
            for looked in begun:
                if looked.number in found or language not in {None, looked.cue.language}:
                    continue
                spoken = words[place : place + len(looked.words)]
                if _fits(looked, spoken):
                    found[looked.number] = looked, text[word.start : spoken[-1].end]
        return list(found.values())


def _looked(number: int, persona: str, cue: Cue) -> Iterator[_Looked]:
    """A phrase as it is written, and without marks: `företag` is found in `foretag` too.

    Not the other way round: `far` (father) is not found in `får` (may).
    """
    if not cue.phrase:
        return
    phrase = unicodedata.normalize("NFC", cue.phrase.removesuffix("*")).casefold()
    for written in dict.fromkeys((phrase, _bare(phrase))):
        yield _Looked(number, persona, cue, tuple(_WORD.findall(written)), cue.phrase.endswith("*"))


def _fits(looked: _Looked, spoken: Sequence[_Word]) -> bool:
    if len(spoken) < len(looked.words):
        return False
    *before, last = looked.words
    if any(word != said.folded for word, said in zip(before, spoken, strict=False)):
        return False
    said = spoken[-1].folded
    return said.startswith(last) if looked.open else said == last


def _bare(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


# --- reading the file ------------------------------------------------------------------------


def parse(text: str, *, file: str) -> tuple[Persona, ...]:
    """Read the text of a personas file; raises ConfigError with file, line, field and mend."""
    fields = read_fields(text, file=file)
    fields.only("personas")
    found: dict[str, Persona] = {}
    for item in fields.items("personas"):
        persona = _persona(item, fields)
        if persona.key in found:
            raise fields.at("personas").error(
                f"persona '{persona.key}' stands twice", "Keep one of the two."
            )
        found[persona.key] = persona
    if PRIVATE not in found:
        raise fields.at("personas").error(
            f"there is no persona '{PRIVATE}'",
            f"Add `- key: {PRIVATE}`: who everybody is at first.",
        )
    return tuple(found.values())


def _persona(item: Fields | str, fields: Fields) -> Persona:
    if isinstance(item, str):
        raise fields.at("personas").error(
            f"field 'personas' cannot hold '{item}'", "Write `- key: business` and its fields."
        )
    item.only("key", "names", "organisation", "card", "cues")
    names = item.inner("names")
    if names is None:
        raise item.place.error(
            "field 'names' is missing", "Add `names: {sv: Företag, en: Business}`."
        )
    names.only(*_LANGUAGES)
    cues = [cue for each in item.items("cues") for cue in _cues(each, item)]
    _refuse_twins(cues, item)
    return Persona(
        key=item.shaped("key", _KEY, example="business"),
        sv=names.required("sv", example="Företag"),
        en=names.required("en", example="Business"),
        organisation=_flag(item, "organisation"),
        cues=tuple(cues),
        texts=read_texts(item),
    )


def _flag(fields: Fields, name: str) -> bool:
    value = fields.text(name)
    if value not in {None, "true", "false"}:
        raise fields.at(name).error(f"field '{name}' cannot be '{value}'", "Write true or false.")
    return value == "true"


def _cues(item: Fields | str, persona: Fields) -> Iterator[Cue]:
    if isinstance(item, str):
        raise persona.at("cues").error(
            f"field 'cues' cannot hold '{item}'", "Write `{weight: 0.6, sv: [...], en: [...]}`."
        )
    item.only("weight", "entities", *_LANGUAGES)
    weight = _weight(item)
    for language in _LANGUAGES:
        for phrase in item.texts(language):
            if not _WORD.findall(phrase) or "*" in phrase.strip()[:-1]:
                raise item.at(language).error(
                    f"a cue cannot be '{phrase}'", "Write words; `*` may end the last one."
                )
            stem = _WORD.findall(phrase)[-1]
            if phrase.strip().endswith("*") and len(stem) < _STEM:
                raise item.at(language).error(
                    f"the beginning '{phrase}' fits too much", f"Write {_STEM} letters or more."
                )
            yield Cue(weight=weight, phrase=phrase.strip(), language=language)
    for entity in item.texts("entities"):
        if not _ENTITY.fullmatch(entity):
            raise item.at("entities").error(
                f"a cue cannot be the entity '{entity}'", 'Write a kind, or "size:122 cm".'
            )
        yield Cue(weight=weight, entity=entity)


def _weight(item: Fields) -> float:
    value = item.required("weight", example="0.6")
    try:
        weight = float(value)
    except ValueError:
        weight = 0.0
    if not 0 < weight < 1:
        raise item.at("weight").error(
            f"field 'weight' cannot be '{value}'", "Write a number between 0 and 1, like 0.6."
        )
    return weight


def _refuse_twins(cues: Sequence[Cue], item: Fields) -> None:
    seen: set[tuple[str, Language | None, str | None]] = set()
    for cue in cues:
        sign = (cue.phrase.casefold(), cue.language, cue.entity)
        if sign in seen:
            raise item.at("cues").error(
                f"the cue '{cue.phrase or cue.entity}' stands twice", "Keep one of the two."
            )
        seen.add(sign)
