"""What WhatsApp is like whoever carries it: its users, and the answers of its flows."""

from __future__ import annotations

import re

from bot.kit import payload
from bot.kit.text import clean
from bot.model.channel import Sender

_PHONE = re.compile(r"\+?([1-9][0-9]{6,14})")
# Business-scoped user id: a country, a dot, letters and digits; one of a parent has ENT between.
_BSUID = re.compile(r"[A-Z]{2}\.[A-Za-z0-9.]{1,128}")


def sender(user: str) -> Sender | None:
    """Who has this phone number or business-scoped user id; None when it is neither.

    WhatsApp vouches for numbers.
    """
    phone = _PHONE.fullmatch(user)
    if phone:
        number = f"+{phone[1]}"
        return Sender(user=number, phone=number)
    return Sender(user=user) if _BSUID.fullmatch(user) else None


def answers(document: str) -> tuple[tuple[str, str], ...]:
    """The answers of a filled flow, in order; what is no text goes as JSON."""
    data = payload.read(document)
    if data is None or not data.is_object:
        return ()
    return tuple((clean(key), _answer(data[key])) for key in data.keys)


def _answer(node: payload.Node) -> str:
    return clean(node.text if node.is_text else node.json)
