"""Keywords by which a person refuses or allows messages, or asks for help."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from enum import StrEnum

from bot.model.channel import OptIn, OptOut, Sender

_LONGEST = 40


class Wish(StrEnum):
    """What a keyword asks for."""

    STOP = "stop"
    START = "start"
    HELP = "help"


# Twilio's own (https://help.twilio.com/articles/223134027), REVOKE and OPTOUT of the 2025 FCC rule
# included, and the Swedish ones that Swedish marketing law practice uses.
_ALWAYS = {
    Wish.STOP: "STOP STOPALL UNSUBSCRIBE OPTOUT REVOKE STOPP AVREGISTRERA AVPRENUMERERA",
    Wish.START: "START UNSTOP STARTA",
    Wish.HELP: "HELP HJÄLP",
}
# By telephone these too stop all messages, whatever we mean by them; in a chat they are words.
_BY_TELEPHONE = {
    Wish.STOP: "CANCEL END QUIT AVSLUTA",
    Wish.HELP: "INFO",
}


def _table(*sources: dict[Wish, str]) -> dict[str, Wish]:
    return {
        word: wish for source in sources for wish, words in source.items() for word in words.split()
    }


_CHAT = _table(_ALWAYS)
_TELEPHONE = _table(_ALWAYS, _BY_TELEPHONE)


def wish(text: str, *, telephone: bool) -> Wish | None:
    """What a message that is nothing but a keyword asks for, or None.

    Case, surrounding space and punctuation, and a hyphen or space inside (`opt-out`, `STOP ALL`)
    do not matter. `telephone`: SMS, where carriers give some common words this meaning.
    """
    if len(text) > _LONGEST:
        return None
    table = _TELEPHONE if telephone else _CHAT
    return table.get(keyword(text))


def keyword(text: str) -> str:
    """A text as keywords are compared: capitals, composed, letters only."""
    composed = unicodedata.normalize("NFC", text).upper()
    return "".join(char for char in composed if char.isalnum())


def asked(
    text: str, *, sender: Sender, key: str, at: datetime | None = None
) -> OptOut | OptIn | None:
    """What a chat message that is nothing but STOP or START asks for; nobody but us answers it."""
    source = f"keyword:{keyword(text)}"
    match wish(text, telephone=False):
        case Wish.STOP:
            return OptOut(sender=sender, dedupe_key=key, source=source, confirm=True, at=at)
        case Wish.START:
            return OptIn(sender=sender, dedupe_key=key, source=source, confirm=True, at=at)
        case _:
            return None
