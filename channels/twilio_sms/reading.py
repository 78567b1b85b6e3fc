"""From Twilio's form to what a customer did by SMS."""

from __future__ import annotations

import base64
import re
from codecs import getincrementaldecoder
from typing import TYPE_CHECKING

from bot.kit import consent, telephone, text
from bot.kit.consent import Wish
from bot.kit.twilio import webhook
from bot.model.channel import Inbound, Sender, UnreadableReason

if TYPE_CHECKING:
    from bot.kit.forms import Form
    from bot.kit.twilio.webhook import Events
    from bot.model.channel import ChannelEvent

_NUMBER = re.compile(r"\+?[0-9]{3,15}")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
# Concatenated SMS have come as base64; a shorter run of such letters may be a word or a code.
_BASE64 = re.compile(r"[A-Za-z0-9+/]{60,}={0,2}")
# https://help.twilio.com/articles/223134027: what Twilio itself answers.
_TWILIO_ANSWERS = frozenset(
    [
        "HELP",
        "INFO",
        "STOP",
        "STOPALL",
        "UNSUBSCRIBE",
        "CANCEL",
        "END",
        "QUIT",
        "OPTOUT",
        "REVOKE",
        "START",
        "UNSTOP",
    ]
)
_WISHES = {"STOP": Wish.STOP, "START": Wish.START, "HELP": Wish.HELP}


def sender(address: str) -> Sender | None:
    """Who has this number or short code; None when it is neither."""
    number = address.strip()
    if not _NUMBER.fullmatch(number):
        return None
    return Sender(user=number, phone=number if _E164.fullmatch(number) else None)


def message(form: Form) -> Events:
    """What an incoming message says.

    A keyword of consent or help is an event instead of a message: Twilio answers it, no talk comes
    of it. A word for help that Twilio does not know is a message as well, or nobody would answer.
    """
    external_id = webhook.message_id(form)
    if not external_id:
        return webhook.unreadable(UnreadableReason.MALFORMED, "no MessageSid")
    who = sender(form.get("From"))
    if who is None:
        return webhook.unreadable(UnreadableReason.INVALID_SENDER, "From is no number")
    written = _unwrapped(text.clean(form.get("Body")))
    attachments = webhook.attachments(form)
    inbound = Inbound(
        sender=who,
        dedupe_key=external_id,
        external_id=external_id,
        to=form.get("To") or None,
        text=written,
        attachments=attachments,
    )
    asked = _wish(form, written)
    event = _keyword(form, asked, inbound) if asked else None
    if event is not None and (asked is not Wish.HELP or _twilio_answers(form, written)):
        return (event,)
    if not written.strip() and not attachments:
        return (telephone.unsupported(inbound, "empty message"),)
    return (inbound,) if event is None else (event, inbound)


def _twilio_answers(form: Form, written: str) -> bool:
    return "OptOutType" in form or consent.keyword(written) in _TWILIO_ANSWERS


def _wish(form: Form, written: str) -> Wish | None:
    told = _WISHES.get(form.get("OptOutType").strip().upper())
    return told or consent.wish(written, telephone=True)


def _keyword(form: Form, asked: Wish, inbound: Inbound) -> ChannelEvent:
    by = "twilio" if "OptOutType" in form else "keyword"
    return telephone.keyword(
        asked,
        inbound,
        source=f"{by}:{consent.keyword(inbound.text)}",
        confirm=not _twilio_answers(form, inbound.text),
    )


def _unwrapped(written: str) -> str:
    """The text inside base64, when that is what the whole text is; a cut last letter is dropped."""
    packed = "".join(written.split())
    if len(packed) % 4 or not _BASE64.fullmatch(packed):
        return written
    try:
        inner = getincrementaldecoder("utf-8")().decode(base64.b64decode(packed, validate=True))
    except ValueError:
        return written
    cleaned = text.clean(inner)
    is_text = len(cleaned) == len(inner.replace("\r\n", "\n")) and " " in cleaned
    return cleaned if is_text else written
