"""What the bot says, and to whom: content, forms and personas, read together."""

from __future__ import annotations

from dataclasses import dataclass

from bot.errors import ConfigError
from bot.hub.content import ContentSet
from bot.hub.forms import Forms
from bot.hub.personas import Personas
from config.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Words:
    """The content, and the forms and personas that belong to it."""

    content: ContentSet
    forms: Forms
    personas: Personas


def load_words(settings: Settings) -> Words:
    """Content, forms and personas; raises ConfigError for the first that is wrong."""
    words = Words(
        content=ContentSet.load(settings.content.folder),
        forms=Forms.load(settings.content.forms),
        personas=Personas.load(settings.content.personas),
    )
    _check_personas(words)
    return words


def _check_personas(words: Words) -> None:
    """Refuse texts for somebody whom nobody can be: they would never be said."""
    for variant in words.content.variants:
        for persona in variant.persona:
            if persona not in words.personas:
                known = ", ".join(each.key for each in words.personas.all)
                raise ConfigError(
                    f"field 'persona': there is no '{persona}'",
                    where=f"{variant.name}.md",
                    mend=f"Use one of: {known}.",
                )
