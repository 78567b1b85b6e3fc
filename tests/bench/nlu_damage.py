"""Messages as people type them in a hurry: seeded damage that leaves the meaning."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Mapping

_ROWS = ("qwertyuiopå", "asdfghjklöä", "zxcvbnm")
_LEAST = 3  # letters of a word worth damaging
_EMOJI = ("😀", "🙏", "😡", "👍", "😭", "🤔", "❤️")
_SHORT = {
    "you": "u", "your": "ur", "are": "r", "please": "pls", "thanks": "thx", "thank": "thx",
    "for": "4", "to": "2", "why": "y", "because": "cuz", "with": "w", "without": "w/o",
    "what": "wat", "before": "b4", "message": "msg", "account": "acc", "tomorrow": "tmrw",
    "and": "&", "see": "c", "okay": "k", "be": "b", "people": "ppl", "know": "kno",
    "not": "nt", "have": "hv", "from": "frm", "been": "bn", "money": "mny", "my": "mi",
    "och": "o", "det": "d", "jag": "ja", "mig": "mej", "dig": "dej", "inte": "inte", "är": "e",
    "också": "oxå", "något": "nåt", "någon": "nån", "sedan": "sen", "mycket": "mkt",
    "eller": "el", "till": "t", "för": "f", "tack": "tk", "snälla": "snla", "ni": "ni",
    "med": "m", "från": "fr", "varför": "vf", "vad": "va", "telefon": "tel", "hej": "hj",
}  # fmt: skip
# Function words of one language in a message of the other.
_ENGLISH = {
    "the": "den", "my": "min", "is": "är", "i": "jag", "and": "och", "not": "inte", "can": "kan",
    "you": "ni", "with": "med", "want": "vill", "to": "att", "have": "har", "how": "hur",
    "where": "var", "why": "varför", "for": "för", "it": "det", "this": "det här",
}  # fmt: skip
_SWEDISH = {
    "min": "my", "mitt": "my", "mina": "my", "är": "is", "jag": "I", "och": "and",
    "inte": "not", "kan": "can", "ni": "you", "vill": "want to", "har": "have", "hur": "how",
    "var": "where", "varför": "why", "med": "with", "order": "order", "en": "a", "ett": "a",
    "betala": "pay", "pengar": "money", "pengarna": "the money", "konto": "account",
    "beställning": "order", "köpa": "buy", "kort": "card", "hjälp": "help",
}  # fmt: skip


def _neighbour(letter: str, chance: random.Random) -> str:
    for row in _ROWS:
        at = row.find(letter)
        if at >= 0:
            return row[max(at - 1, 0)] if chance.random() < 0.5 and at else row[(at + 1) % len(row)]
    return letter


def misspelt(word: str, chance: random.Random) -> str:
    """A word with one slip of the fingers; short words stay."""
    if len(word) < _LEAST:
        return word
    at = chance.randrange(len(word) - 1)
    match chance.randrange(4):
        case 0:
            return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        case 1:
            return word[:at] + word[at + 1 :]
        case 2:
            return word[:at] + word[at] + word[at:]
        case _:
            return word[:at] + _neighbour(word[at].lower(), chance) + word[at + 1 :]


def _by_word(text: str, change: Callable[[str], str]) -> str:
    return " ".join(change(word) for word in text.split())


def _typos(share: float) -> Callable[[str, random.Random], str]:
    def damage(text: str, chance: random.Random) -> str:
        return _by_word(
            text, lambda word: misspelt(word, chance) if chance.random() < share else word
        )

    return damage


def _swapped(table: Mapping[str, str], share: float) -> Callable[[str, random.Random], str]:
    def damage(text: str, chance: random.Random) -> str:
        def change(word: str) -> str:
            bare = word.lower().rstrip("?!.,")
            return table[bare] if bare in table and chance.random() < share else word

        return _by_word(text, change)

    return damage


def _bare(text: str, chance: random.Random) -> str:
    return text.translate(str.maketrans("åäöéÅÄÖ", "aaoeAAO"))


def _emoji(text: str, chance: random.Random) -> str:
    return f"{text.rstrip('.?!')} {chance.choice(_EMOJI) * chance.randint(1, 3)}"


def _caps(text: str, chance: random.Random) -> str:
    return text.upper().rstrip(".?") + "!!!"


DAMAGES: Mapping[str, Callable[[str, random.Random], str]] = {
    "typos20": _typos(0.2),
    "typos50": _typos(0.5),
    "bare": _bare,
    "sms": _swapped(_SHORT, 0.9),
    "mixed": _swapped(_ENGLISH | _SWEDISH, 0.6),
    "emoji": _emoji,
    "caps": _caps,
}


def damaged(text: str, kind: str) -> str:
    """The text with one kind of damage, always the same for the same text."""
    return DAMAGES[kind](text, random.Random(zlib.crc32(f"{kind}:{text}".encode())))
