"""What is shown below a text, choices and cards: read from a content file and written to one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bot.hub.content.fields import Fields, Place
from bot.model.sending import Card, Choice, ChoiceKind

if TYPE_CHECKING:
    from collections.abc import Iterable

_HTTPS = "https://"
# On the hub itself: what was uploaded, or came with the apps. Never another host (`//`).
_OURS = re.compile(r"/(?!/)\S*")
_VARIABLE = re.compile(r"{{|{%")


def read_choice(item: Fields | str, place: Place, *, name: str = "choices") -> Choice:
    """One choice: a title alone, or fields; raises ConfigError."""
    if isinstance(item, str):
        if not item.strip():
            raise place.error(f"field '{name}' holds an empty title", "Write a title.")
        return Choice(title=item.strip())
    item.only("title", "payload", "url")
    url = item.text("url")
    if url is not None and not url.startswith(_HTTPS):
        raise item.at("url").error(f"field 'url' cannot be '{url}'", f"Begin it with `{_HTTPS}`.")
    return Choice(
        title=item.required("title", example="Ja tack"),
        payload=item.text("payload"),
        kind=ChoiceKind.REPLY if url is None else ChoiceKind.URL,
        url=url,
    )


def read_card(item: Fields | str, place: Place) -> Card:
    """One card; raises ConfigError. Its words are said as they stand, without variables."""
    if isinstance(item, str):
        raise place.error(
            f"field 'cards' cannot hold '{item}'", "Write it like `{title: Abisko 2, text: ...}`."
        )
    item.only("title", "text", "image", "buttons")
    for name in ("title", "text"):
        if _VARIABLE.search(item.text(name) or ""):
            raise item.at(name).error(
                f"field '{name}' of a card cannot have variables", "Put them in the text above."
            )
    image = item.text("image")
    if image is not None and not (image.startswith(_HTTPS) or _OURS.fullmatch(image)):
        mend = f"Begin it with `{_HTTPS}`, or with `/` for a picture of this hub."
        raise item.at("image").error(f"field 'image' cannot be '{image}'", mend)
    return Card(
        title=item.required("title", example="Abisko 2"),
        text=(item.text("text") or "").strip(),
        image=image,
        buttons=tuple(
            read_choice(button, item.at("buttons"), name="buttons")
            for button in item.items("buttons")
        ),
    )


def written_out(text: str, cards: Iterable[Card]) -> str:
    """A text with its cards in words, for where none are shown; answers are left to the choices."""
    return "\n\n".join((text, *(_in_words(card) for card in cards)))


def answers(cards: Iterable[Card]) -> tuple[Choice, ...]:
    """What can be answered on cards; links are none."""
    return tuple(one for card in cards for one in card.buttons if one.kind is not ChoiceKind.URL)


def _in_words(card: Card) -> str:
    links = (f"{one.title}: {one.url}" for one in card.buttons if one.kind is ChoiceKind.URL)
    return "\n".join(filter(None, (card.title, card.text, *links)))


# --- writing ---------------------------------------------------------------------------------


def format_choices(choices: Iterable[Choice]) -> list[str]:
    """The lines of the field `choices`; none without any."""
    lines = [f"  - {_format_choice(choice)}" for choice in choices]
    return ["choices:", *lines] if lines else []


def format_cards(cards: Iterable[Card]) -> list[str]:
    """The lines of the field `cards`; none without any."""
    lines = [line for card in cards for line in _format_card(card)]
    return ["cards:", *lines] if lines else []


def quoted(value: str) -> str:
    """A text as YAML takes it whatever is in it."""
    return f'"{"".join(map(_escaped, value))}"'


def _format_card(card: Card) -> list[str]:
    lines = [f"  - title: {quoted(card.title)}"]
    if card.text:
        lines.append(f"    text: {quoted(card.text)}")
    if card.image is not None:
        lines.append(f"    image: {quoted(card.image)}")
    if card.buttons:
        lines.append("    buttons:")
        lines += [f"      - {_format_choice(button)}" for button in card.buttons]
    return lines


def _format_choice(choice: Choice) -> str:
    given = [f"title: {quoted(choice.title)}"]
    if choice.payload is not None:
        given.append(f"payload: {quoted(choice.payload)}")
    if choice.url is not None:
        given.append(f"url: {quoted(choice.url)}")
    return f"{{{', '.join(given)}}}" if len(given) > 1 else quoted(choice.title)


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return character if character.isprintable() else f"\\U{ord(character):08x}"
