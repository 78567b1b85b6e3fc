"""Choices: reply buttons, a list, a link, a flow, or a question for the person's place.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/interactive-reply-buttons-messages
and its neighbours for lists, links, flows and locations. One message has one of these: the first
choice says which.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from bot.kit.split import measure, split
from bot.model.channel import TextUnit
from bot.model.sending import ChoiceKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import JsonValue

    from bot.kit.meta.graph import Json
    from bot.model.sending import Choice


MOST_CHOICES = 10
LONGEST_TITLE = 24

_MOST_BUTTONS = 3
_LONGEST_BUTTON = 20
_LONGEST_DESCRIPTION = 72
_LONGEST_BUTTON_ID, _LONGEST_ROW_ID = 256, 200
_LONGEST_BODY, _LONGEST_LIST_BODY = 1024, 4096
_OPEN_LINK = "Open Link"
# A flow: `dx:` before it if our server gives its first screen, its id, a screen, its data.
_FLOW = re.compile(r"(?P<exchange>dx:)?(?P<id>[0-9]+)(?P<rest>[/?].*)?", re.DOTALL)
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


class Asked(NamedTuple):
    """The interactive part of a message, and what of the choices is text.

    `titles` are the choices as numbered lines, for a message with nothing to put buttons under.
    """

    kind: str = ""
    action: Json | None = None
    longest: int = _LONGEST_BODY
    takes_head: bool = False
    lines: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()


def choose(choices: Sequence[Choice], *, menu: str, warnings: list[str]) -> Asked:
    """What the choices are shown as; what cannot be shown is a line of text or a warning."""
    able = [choice for choice in choices if _is_able(choice, warnings)]
    if not able:
        return Asked()
    first, rest = able[0], able[1:]
    if first.kind is ChoiceKind.REPLY:
        replies = [choice for choice in able if choice.kind is ChoiceKind.REPLY]
        lines = _lines([choice for choice in rest if choice.kind is not ChoiceKind.REPLY], warnings)
        return _replies(replies, menu, warnings)._replace(lines=lines)
    lines = _lines(rest, warnings)
    if _is_link(first):
        link: Json = {"display_text": _button_title(first, warnings), "url": first.url}
        titled = f"{first.title}: {first.url}".removeprefix(": ")
        action: Json = {"name": "cta_url", "parameters": link}
        return Asked("cta_url", action, takes_head=True, lines=lines, titles=(titled,))
    if first.kind is ChoiceKind.FORM:
        action = {"name": "flow", "parameters": _flow(first, warnings)}
        return Asked("flow", action, lines=lines, titles=(first.title,))
    return Asked("location_request_message", {"name": "send_location"}, lines=lines)


def _is_able(choice: Choice, warnings: list[str]) -> bool:
    """Whether WhatsApp can show a choice at all."""
    match choice.kind:
        case ChoiceKind.REPLY if not choice.title.strip():
            why = "it has no title"
        case ChoiceKind.URL if not _is_link(choice):
            why = "it has no web address"
        case ChoiceKind.FORM if not _is_link(choice) and not _FLOW.fullmatch(choice.url or ""):
            why = "it names no flow"
        case ChoiceKind.PHONE:
            why = "WhatsApp does not ask for numbers"
        case _:
            return True
    warnings.append(f"the choice {choice.title!r} was left out: {why}")
    return False


def _lines(choices: Sequence[Choice], warnings: list[str]) -> tuple[str, ...]:
    """Links that stand beside other choices, as text; of the rest nothing is left."""
    links = [choice for choice in choices if _is_link(choice)]
    for choice in choices:
        if not _is_link(choice):
            named = choice.title or choice.kind.value
            warnings.append(f"the choice {named!r} was left out: it goes with no other kind")
    return tuple(f"{link.title}: {link.url}".removeprefix(": ") for link in links)


# --- replies ---------------------------------------------------------------------------------


def _replies(choices: list[Choice], menu: str, warnings: list[str]) -> Asked:
    titles = tuple(f"{nth}. {choice.title}" for nth, choice in enumerate(choices, 1))
    if _can_be_buttons(choices):
        buttons: list[JsonValue] = [
            {"type": "reply", "reply": row} for row in _rows(choices, _LONGEST_BUTTON_ID)
        ]
        return Asked("button", {"buttons": buttons}, takes_head=True, titles=titles)
    if len(choices) > MOST_CHOICES:
        left_out = len(choices) - MOST_CHOICES
        warnings.append(f"{left_out} choices were left out: WhatsApp shows {MOST_CHOICES}")
    rows: list[JsonValue] = [
        {**row, **_title(choice, nth, choices, warnings)}
        for nth, (choice, row) in enumerate(
            zip(choices[:MOST_CHOICES], _rows(choices, _LONGEST_ROW_ID), strict=False)
        )
    ]
    action: Json = {"button": _cut(menu, _LONGEST_BUTTON), "sections": [{"rows": rows}]}
    return Asked("list", action, longest=_LONGEST_LIST_BODY, titles=titles)


def _can_be_buttons(choices: list[Choice]) -> bool:
    return (
        len(choices) <= _MOST_BUTTONS
        and not any(choice.description for choice in choices)
        and all(measure(choice.title, TextUnit.UTF16) <= _LONGEST_BUTTON for choice in choices)
        and len({choice.title for choice in choices}) == len(choices)
    )


def _rows(choices: list[Choice], longest_id: int) -> list[Json]:
    """Title and id of each; ids differ, and a choice without a payload has its place for one."""
    rows: list[Json] = []
    for nth, choice in enumerate(choices):
        wanted = (choice.payload or str(nth))[:longest_id]
        is_new = all(row["id"] != wanted for row in rows)
        rows.append({"id": wanted if is_new else f"{wanted[: longest_id - 4]}#{nth}"[:longest_id]})
    return [{**row, "title": choice.title} for row, choice in zip(rows, choices, strict=True)]


def _title(choice: Choice, nth: int, choices: list[Choice], warnings: list[str]) -> Json:
    """A row's title, unlike those before it, and what else there is to say below it."""
    title, said = _cut(choice.title, LONGEST_TITLE), choice.description
    if title != choice.title and not said:
        said = choice.title  # the whole of it, where there is room for more
    if any(_cut(other.title, LONGEST_TITLE) == title for other in choices[:nth]):
        title = _cut(f"{nth + 1}. {choice.title}", LONGEST_TITLE)
    if not said:
        return {"title": title}
    if measure(said, TextUnit.UTF16) > _LONGEST_DESCRIPTION:
        warnings.append(f"what is said of {choice.title!r} was shortened")
    return {"title": title, "description": _cut(said, _LONGEST_DESCRIPTION)}


# --- links and flows -------------------------------------------------------------------------


def _button_title(choice: Choice, warnings: list[str]) -> str:
    title = choice.title.strip() or _OPEN_LINK
    if measure(title, TextUnit.UTF16) > _LONGEST_BUTTON:
        warnings.append(f"the title {title!r} was shortened to {_LONGEST_BUTTON}")
    return _cut(title, _LONGEST_BUTTON)


def _flow(choice: Choice, warnings: list[str]) -> Json:
    """The parameters of a flow: `123`, `123/SCREEN?name=Eva&token=t`, `dx:123`."""
    found = _FLOW.fullmatch(choice.url or "")
    named = {"exchange": None, "id": "", "rest": None} if found is None else found.groupdict()
    parameters: Json = {
        "flow_message_version": "3",
        "flow_id": named["id"],
        "flow_cta": _button_title(choice, warnings),
    }
    if named["exchange"]:
        parameters["flow_action"] = "data_exchange"
    path, _, query = (named["rest"] or "").partition("?")
    screen = path.removeprefix("/")
    if (path and not screen) or _ESCAPE.search(query):
        warnings.append(f"the flow {choice.url!r} was sent without its screen: it is malformed")
        return parameters
    data = dict(parse_qsl(query, keep_blank_values=True))
    token = data.pop("token", None)
    if screen:
        first: Json = {"screen": screen}
        filled: Json = {**data}
        parameters |= {"flow_action": "navigate"}
        parameters["flow_action_payload"] = first | ({"data": filled} if filled else {})
    return parameters | ({"flow_token": token} if token else {})


def _is_link(choice: Choice) -> bool:
    if choice.kind not in {ChoiceKind.URL, ChoiceKind.FORM}:
        return False
    try:
        parts = urlsplit(choice.url or "")
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False


def _cut(text: str, longest: int) -> str:
    if measure(text, TextUnit.UTF16) <= longest:
        return text
    pieces = split(text, limit=longest - 1, unit=TextUnit.UTF16)
    return f"{pieces[0]}…" if pieces else ""
