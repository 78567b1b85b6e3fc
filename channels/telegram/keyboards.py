"""Suggested answers as Telegram keyboards.

A reply keyboard types its button's title for the person; an inline keyboard sits on the message and
gives a payload back. Telegram takes one or the other.
Source: https://core.telegram.org/bots/features#keyboards
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from bot.model.sending import Choice, ChoiceKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_LONGEST_PAYLOAD = 64
_ONE_ROW = 30
_PADDING = 4
_MOST_ROWS = 5

Button = dict[str, str | bool | dict[str, str]]

_TITLES = {
    ChoiceKind.URL: ("Open Link", "Öppna länken"),
    ChoiceKind.LOCATION: ("Send location", "Skicka plats"),
    ChoiceKind.PHONE: ("Send phone number", "Skicka telefonnummer"),
    ChoiceKind.FORM: ("Open form", "Öppna formuläret"),
}


class Markup(NamedTuple):
    """A `reply_markup` in JSON, and what of the choices it lacks."""

    json: str
    warnings: tuple[str, ...]


def markup(choices: Sequence[Choice], *, language: str | None) -> Markup:
    """The keyboard for these choices; without any, the last keyboard goes away."""
    warnings: list[str] = []
    fit = [choice for choice in choices if _fits(choice, warnings)]
    typed = [choice for choice in fit if choice.kind is not ChoiceKind.URL]
    if typed and not _inline(typed, warnings):
        warnings += [
            f"the link {choice.url} cannot stand beside a reply keyboard and was left out"
            for choice in fit
            if choice.kind is ChoiceKind.URL
        ]
        return Markup(_reply_keyboard(typed, language), tuple(warnings))
    if fit:
        rows = _rows([_inline_button(choice, language) for choice in fit])
        return Markup(_json({"inline_keyboard": rows}), tuple(warnings))
    return Markup(_json({"remove_keyboard": True}), tuple(warnings))


def _inline(typed: Sequence[Choice], warnings: list[str]) -> bool:
    """Whether payloads must come back and can: else the title that comes back has to do."""
    replies = all(choice.kind is ChoiceKind.REPLY for choice in typed)
    if not any(choice.payload not in {None, choice.title} for choice in typed):
        return False
    if replies and all(
        len(_payload(choice).encode("utf-8", "replace")) <= _LONGEST_PAYLOAD for choice in typed
    ):
        return True
    warnings.append("the choices come back as their titles, without their payloads")
    return False


def _fits(choice: Choice, warnings: list[str]) -> bool:
    problem = _problem(choice)
    if problem:
        warnings.append(f"the choice {choice.title!r} was left out: {problem}")
    return problem is None


def _problem(choice: Choice) -> str | None:
    match choice.kind:
        case ChoiceKind.REPLY if not choice.title.strip():
            return "it has no title"
        case ChoiceKind.URL | ChoiceKind.FORM if not choice.url:
            return "it has no URL"
        case ChoiceKind.URL if not _public(choice.url, schemes={"http", "https"}):
            return f"{choice.url} is no public web address"
        case ChoiceKind.FORM if not _public(choice.url, schemes={"https"}):
            return f"{choice.url} is no public https address"
        case _:
            return None


def _public(url: str | None, *, schemes: Iterable[str]) -> bool:
    """Whether Telegram takes a URL on a button: a scheme, a host name with a dot, no spaces."""
    try:
        parts = urlsplit(url or "")
        host = parts.hostname or ""
    except ValueError:
        return False
    spaced = any(char.isspace() for char in url or "")
    return parts.scheme in schemes and "." in host.strip(".") and not spaced


def _reply_keyboard(choices: Sequence[Choice], language: str | None) -> str:
    buttons = [_reply_button(choice, language) for choice in choices]
    return _json(
        {
            "keyboard": _rows(buttons),
            "resize_keyboard": True,
            # A form or a place may be given up and come back to: then the keyboard has to stay.
            "one_time_keyboard": all(choice.kind is ChoiceKind.REPLY for choice in choices),
        }
    )


def _reply_button(choice: Choice, language: str | None) -> Button:
    button: Button = {"text": _title(choice, language)}
    match choice.kind:
        case ChoiceKind.LOCATION:
            button["request_location"] = True
        case ChoiceKind.PHONE:
            button["request_contact"] = True
        case ChoiceKind.FORM:
            button["web_app"] = {"url": choice.url or ""}
        case ChoiceKind.REPLY | ChoiceKind.URL:
            pass
    return button


def _inline_button(choice: Choice, language: str | None) -> Button:
    title = _title(choice, language)
    if choice.kind is ChoiceKind.URL:
        return {"text": title, "url": choice.url or ""}
    return {"text": title, "callback_data": _payload(choice)}


def _payload(choice: Choice) -> str:
    return choice.payload or choice.title


def _title(choice: Choice, language: str | None) -> str:
    if choice.title.strip():
        return choice.title
    english, swedish = _TITLES.get(choice.kind, ("", ""))
    return swedish if (language or "").startswith("sv") else english


def _rows(buttons: Sequence[Button]) -> list[list[Button]]:
    """One row while the titles fit a phone's width, else one a row, else as many as fit a row."""
    widths = [len(str(button["text"])) + _PADDING for button in buttons]
    if sum(widths) <= _ONE_ROW:
        return [list(buttons)]
    if len(buttons) <= _MOST_ROWS:
        return [[button] for button in buttons]
    rows: list[list[Button]] = [[]]
    used = 0
    for button, width in zip(buttons, widths, strict=True):
        if rows[-1] and used + width > _ONE_ROW:
            rows.append([])
            used = 0
        rows[-1].append(button)
        used += width
    return rows


def _json(keyboard: dict[str, bool | list[list[Button]]]) -> str:
    return json.dumps(keyboard, ensure_ascii=False, separators=(",", ":"))
