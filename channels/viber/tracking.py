"""The payloads of buttons, carried by a message's `tracking_data`.

A button of Viber says its text for the person and nothing else; what a message was sent with as
`tracking_data` comes back with the person's next message.
Source: https://developers.viber.com/docs/api/rest-bot-api/#general-send-message-parameters
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bot.kit import payload
from bot.kit.text import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST = 4000

_BUTTONS = "buttons"


def tracked(payloads: Mapping[str, str]) -> str | None:
    """The `tracking_data` that brings these back by their titles, or None when it is too long."""
    data = json.dumps({_BUTTONS: dict(payloads)}, ensure_ascii=False, separators=(",", ":"))
    return data if len(data) <= LONGEST else None


def payload_of(data: str, title: str) -> str | None:
    """What the button with this title carries; None where there was none."""
    read = payload.read(data) if data.startswith("{") else None
    buttons = (read or payload.Node())[_BUTTONS]
    return clean(buttons[title].text) if title in buttons else None
