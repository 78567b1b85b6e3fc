"""Cards in a row: Instagram's generic template.

Source: https://developers.facebook.com/documentation/business-messaging/instagram-messaging/generic-template
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.kit.meta.messaging import sending
from bot.model.sending import ChoiceKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import JsonValue

    from bot.kit.meta.graph import Json
    from bot.model.sending import Card, Choice

_MOST_CARDS = 10
_MOST_BUTTONS = 3
_LONGEST_WORDS = 80


def parts(cards: Sequence[Card], *, base: str, warnings: list[str]) -> list[Json]:
    """The messages that the cards are shown as; `base` is where paths on this hub are reached."""
    elements = [_element(card, base, warnings) for card in cards]
    rows = [elements[n : n + _MOST_CARDS] for n in range(0, len(elements), _MOST_CARDS)]
    return [_row(row) for row in rows]


def _row(elements: list[JsonValue]) -> Json:
    payload: Json = {"template_type": "generic", "elements": elements}
    return {"attachment": {"type": "template", "payload": payload}}


def _element(card: Card, base: str, warnings: list[str]) -> JsonValue:
    shown: Json = {"title": _cut(card.title, warnings)}
    # Instagram refuses a card that has nothing but a title.
    if card.text or not (card.image or card.buttons):
        shown["subtitle"] = _cut(card.text or card.title, warnings)
    if card.image:
        is_path = card.image.startswith("/")
        shown["image_url"] = f"{base.rstrip('/')}{card.image}" if is_path else card.image
    made = (_button(one, warnings) for one in card.buttons[:_MOST_BUTTONS])
    buttons: list[JsonValue] = [button for button in made if button is not None]
    if buttons:
        shown["buttons"] = buttons
    return shown


def _button(choice: Choice, warnings: list[str]) -> JsonValue:
    title = sending.short(choice.title)
    match choice.kind:
        case ChoiceKind.REPLY if title:
            return {"type": "postback", "title": title, "payload": choice.payload or choice.title}
        case ChoiceKind.URL if title and choice.url:
            return {"type": "web_url", "title": title, "url": choice.url}
        case _:
            warnings.append(f"the button {choice.title!r} of a card was left out")
            return None


def _cut(words: str, warnings: list[str]) -> str:
    shown = sending.short(words, longest=_LONGEST_WORDS)
    if shown != words:
        warnings.append(f"the words {words[:40]!r} of a card were shortened to {_LONGEST_WORDS}")
    return shown
