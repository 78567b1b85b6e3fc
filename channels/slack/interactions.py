"""Presses, choices and commands, which Slack posts as forms.

Source: https://docs.slack.dev/reference/interaction-payloads/block_actions-payload and
https://docs.slack.dev/interactivity/implementing-slash-commands. Whoever presses or commands speaks
to us, in a channel too; the answer goes to the chat with them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bot.kit.text import clean
from bot.model.channel import ChannelEvent, Ignored, Inbound, Press, PressKind
from channels.slack.nodes import nobody, person

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.kit.forms import Form
    from bot.kit.payload import Node
    from bot.model.channel import Sender

# Where each kind of element has what was chosen, besides options.
_CHOSEN = (
    "selected_date",
    "selected_time",
    "selected_date_time",
    "selected_user",
    "selected_channel",
    "selected_conversation",
    "value",
)
_SEVERAL = ("selected_options", "selected_users", "selected_channels", "selected_conversations")


def read(interaction: Node) -> tuple[ChannelEvent, ...]:
    """The events of an interaction; one for each element that was used."""
    kind = interaction["type"].words[:50]
    if kind not in {"block_actions", "interactive_message"}:
        return (Ignored(reason=f"interaction: {kind or 'unknown'}"),)
    who = interaction["user"]
    sender = person(
        who["id"].words, name=who["name"].words or None, username=who["username"].words or None
    )
    if sender is None:
        return (nobody("an interaction"),)
    presses = tuple(_presses(interaction, sender))
    return presses or (Ignored(reason=f"interaction: {kind} without an action"),)


def command(form: Form) -> ChannelEvent:
    """A slash command: what was typed, with the command as its press."""
    name = clean(form.get("command"))
    sender = person(clean(form.get("user_id")), username=clean(form.get("user_name")) or None)
    if sender is None:
        return nobody("a command")
    made = clean(f"{sender.user}:{name}:{form.get('text')}")
    return Inbound(
        sender=sender,
        dedupe_key=clean(form.get("trigger_id")) or made,
        text=f"{name} {clean(form.get('text'))}".strip(),
        press=Press(kind=PressKind.COMMAND, payload=name),
    )


def _presses(interaction: Node, sender: Sender) -> Iterator[ChannelEvent]:
    message = (
        interaction["container"]["message_ts"].words
        or interaction["message"]["ts"].words
        or interaction["message_ts"].words
    )
    for action in interaction["actions"]:
        kind = action["type"].words[:50]
        if action["url"]:
            yield Ignored(reason="interaction: a link was opened")
            continue
        press, title = _press(action, kind)
        if press is None:
            yield Ignored(reason=f"interaction: {kind or 'unknown'}, nothing was chosen")
            continue
        when = action["action_ts"] or interaction["action_ts"]
        moment = when.words or interaction["trigger_id"].words
        yield Inbound(
            sender=sender,
            dedupe_key=f"{sender.user}:{moment}:{action['action_id'].words or title}",
            text=title,
            at=when.moment,
            reply_to=message or None,
            press=press,
        )


def _press(action: Node, kind: str) -> tuple[Press | None, str]:
    """What an element brings back, and what it says to people."""
    if kind == "button":
        title = action["text"]["text"].words or action["text"].words
        payload = action["value"].words or action["action_id"].words
        return Press(kind=PressKind.BUTTON, payload=payload), title or payload
    several = next((name for name in _SEVERAL if action[name].is_list), None)
    if several is not None:
        return _several(list(action[several]), plural=kind != "select")
    option = action["selected_option"]
    if option:
        return Press(kind=PressKind.LIST, payload=option["value"].words), _title(option)
    chosen = next((value for name in _CHOSEN if (value := action[name].words)), "")
    return (Press(kind=PressKind.LIST, payload=chosen) if chosen else None), chosen


def _several(options: list[Node], *, plural: bool) -> tuple[Press | None, str]:
    """Several options as a JSON list; a menu of old messages has a list of one."""
    values = [option["value"].words or option.words for option in options]
    titles = ", ".join(_title(option) for option in options)
    if not values:
        return None, ""
    payload = json.dumps(values, ensure_ascii=False) if plural else values[0]
    return Press(kind=PressKind.LIST, payload=payload), titles


def _title(option: Node) -> str:
    return option["text"]["text"].words or option["value"].words or option.words
