"""What a persona's card says, in each language; written by a person, in the file of personas."""

from __future__ import annotations

import hashlib
from typing import Final

from bot.hub.content.fields import Fields
from bot.model.understanding import Language
from bot.model.value import Value

LISTS: Final = (
    "demographics",
    "behaviour",
    "motivations",
    "objectives",
    "value_drivers",
    "pain_points",
)
_LANGUAGES: Final[tuple[Language, ...]] = ("sv", "en")
_ITEMS = 8
_ITEM = 160
_DESCRIPTION = 600


class PersonaText(Value):
    """A persona's card in one language; what is not known is empty."""

    description: str = ""
    demographics: tuple[str, ...] = ()
    behaviour: tuple[str, ...] = ()
    motivations: tuple[str, ...] = ()
    objectives: tuple[str, ...] = ()
    value_drivers: tuple[str, ...] = ()
    pain_points: tuple[str, ...] = ()


class PersonaTexts(Value):
    """A persona's card in all languages."""

    sv: PersonaText = PersonaText()
    en: PersonaText = PersonaText()

    @property
    def version(self) -> str:
        """A hash of what it says: another one when a word of it is changed."""
        return hashlib.blake2b(self.model_dump_json().encode(), digest_size=8).hexdigest()


def read_texts(persona: Fields) -> PersonaTexts:
    """The field `card` of a persona; raises ConfigError with file, line, field and mend."""
    card = persona.inner("card")
    if card is None:
        return PersonaTexts()
    card.only(*_LANGUAGES)
    found = {language: _text(card, language) for language in _LANGUAGES}
    return PersonaTexts(sv=found["sv"], en=found["en"])


def _text(card: Fields, language: Language) -> PersonaText:
    fields = card.inner(language)
    if fields is None:
        return PersonaText()
    fields.only("description", *LISTS)
    description = " ".join((fields.text("description") or "").split())
    if len(description) > _DESCRIPTION:
        raise fields.at("description").error(
            f"field 'description' is longer than {_DESCRIPTION} characters", "Say it shorter."
        )
    lists = {name: _list(fields, name) for name in LISTS}
    return PersonaText(description=description, **lists)


def _list(fields: Fields, name: str) -> tuple[str, ...]:
    items = tuple(" ".join(item.split()) for item in fields.texts(name))
    if len(items) > _ITEMS:
        raise fields.at(name).error(
            f"field '{name}' has more than {_ITEMS} items", "Keep what matters most."
        )
    for item in items:
        if not 0 < len(item) <= _ITEM:
            raise fields.at(name).error(
                f"an item of '{name}' is empty or longer than {_ITEM} characters",
                "Write a few words.",
            )
    return items
