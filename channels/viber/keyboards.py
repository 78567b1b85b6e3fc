"""Suggested answers as a Viber keyboard.

Source: https://developers.viber.com/docs/tools/keyboards/
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, NamedTuple

from pydantic import JsonValue

from bot.kit import plain
from bot.model.sending import Choice, ChoiceKind
from channels.viber.tracking import tracked

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_CHOICES = 24
LONGEST_TITLE = 250

_COLUMNS = 6
_MOST_BESIDE = 3
_SHORT = 12
# Asking for a place or a phone number came with the third version of the apps' API.
_MIN_API = 3
_ACTIONS = {
    ChoiceKind.REPLY: "reply",
    ChoiceKind.URL: "open-url",
    ChoiceKind.FORM: "open-url",
    ChoiceKind.LOCATION: "location-picker",
    ChoiceKind.PHONE: "share-phone",
}
_TITLES = {
    ChoiceKind.LOCATION: ("Send location", "Skicka plats"),
    ChoiceKind.PHONE: ("Send phone number", "Skicka telefonnummer"),
}
_LINKS = frozenset({ChoiceKind.URL, ChoiceKind.FORM})

Json = dict[str, JsonValue]


class Keyboard(NamedTuple):
    """What a message gets for its choices, and what of them it lacks."""

    fields: Json
    warnings: tuple[str, ...]


def keyboard(choices: Sequence[Choice], *, language: str | None) -> Keyboard:
    """The keyboard for these choices; nothing when none of them can be one."""
    warnings: list[str] = []
    titled = [
        (choice, title)
        for choice in choices
        if (title := _title(choice, language=language, warnings=warnings))
    ]
    if len(titled) > MOST_CHOICES:
        left_out = len(titled) - MOST_CHOICES
        warnings.append(f"{left_out} choices were left out: Viber shows {MOST_CHOICES}")
    shown = titled[:MOST_CHOICES]
    if not shown:
        return Keyboard({}, tuple(warnings))
    width = _width([title for _, title in shown])
    buttons: list[JsonValue] = [_button(choice, title, width) for choice, title in shown]
    fields: Json = {
        "keyboard": {"Type": "keyboard", "DefaultHeight": False, "Buttons": buttons},
        **_tracking(shown, warnings),
    }
    if any(choice.kind in _TITLES for choice, _ in shown):
        fields["min_api_version"] = _MIN_API
    return Keyboard(fields, tuple(warnings))


def _title(choice: Choice, *, language: str | None, warnings: list[str]) -> str | None:
    """What the button says, or None when it cannot be one."""
    if choice.kind in _LINKS and not plain.is_web(choice.url):
        warnings.append(f"the choice {choice.title!r} was left out: it has no web address")
        return None
    title = choice.title.strip()
    if not title and choice.kind is ChoiceKind.REPLY:
        warnings.append("a choice without a title was left out")
        return None
    if not title:
        english, swedish = _TITLES.get(choice.kind, ("Open link", "Öppna länken"))
        title = swedish if (language or "").startswith("sv") else english
    if not plain.fits(title, limit=LONGEST_TITLE):
        warnings.append(f"the title {title!r} was shortened to {LONGEST_TITLE}")
    return plain.shortened(title, limit=LONGEST_TITLE)


def _button(choice: Choice, title: str, width: int) -> JsonValue:
    return {
        "Columns": width,
        "Rows": 1,
        "ActionType": _ACTIONS[choice.kind],
        "ActionBody": choice.url if choice.kind in _LINKS else title,
        # Buttons are written in a kind of HTML: the words of a title are not to be tags of it.
        "Text": html.escape(title, quote=False),
        "TextSize": "regular",
    }


def _width(titles: Sequence[str]) -> int:
    """How many of six columns a button has: a few short ones stand side by side."""
    beside = len(titles) <= _MOST_BESIDE and all(
        plain.fits(title, limit=_SHORT) for title in titles
    )
    return _COLUMNS // len(titles) if beside else _COLUMNS


def _tracking(shown: Sequence[tuple[Choice, str]], warnings: list[str]) -> Json:
    payloads = {
        title: choice.payload
        for choice, title in shown
        if choice.kind is ChoiceKind.REPLY and choice.payload not in {None, "", choice.title}
    }
    if not payloads:
        return {}
    data = tracked({title: payload or "" for title, payload in payloads.items()})
    if data is None:
        warnings.append("the choices come back as their titles, without their payloads")
        return {}
    return {"tracking_data": data}
