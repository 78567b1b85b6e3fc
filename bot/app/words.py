"""What the bot says: content and forms, read together."""

from __future__ import annotations

from dataclasses import dataclass

from bot.hub.content import ContentSet
from bot.hub.forms import Forms
from config.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Words:
    """The content and the forms that belong to it."""

    content: ContentSet
    forms: Forms


def load_words(settings: Settings) -> Words:
    """The content and the forms; raises ConfigError for the first that is wrong."""
    return Words(
        content=ContentSet.load(settings.content.folder), forms=Forms.load(settings.content.forms)
    )
