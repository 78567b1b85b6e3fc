"""What a text costs as SMS: encoding, units and segments.

Source: 3GPP TS 23.038 section 6.2.1 (default alphabet and its extension table), TS 23.040
section 9.2.3.24 (concatenation leaves 153 septets or 67 UTF-16 units of a segment).
"""

from __future__ import annotations

from enum import StrEnum

from bot.model.value import Value

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("\f^{}\\[~]|€")
_LAST_OF_BMP = 0xFFFF


class SmsEncoding(StrEnum):
    """How the characters travel."""

    GSM7 = "GSM-7"
    UCS2 = "UCS-2"


class SmsCost(Value):
    """What a text costs: `units` are septets in GSM-7 and UTF-16 units in UCS-2.

    `culprits` are the characters, each once, that force UCS-2.
    """

    encoding: SmsEncoding
    units: int
    segments: int
    culprits: tuple[str, ...] = ()


def cost(text: str) -> SmsCost:
    """Count what a text costs; a character of two units never straddles two segments."""
    culprits = tuple(dict.fromkeys(char for char in text if septets(char) == 0))
    if culprits:
        weights = [utf16_units(char) for char in text]
        whole, piece = 70, 67
    else:
        weights = [septets(char) for char in text]
        whole, piece = 160, 153
    units = sum(weights)
    return SmsCost(
        encoding=SmsEncoding.UCS2 if culprits else SmsEncoding.GSM7,
        units=units,
        segments=1 if units <= whole else _pack(weights, piece),
        culprits=culprits,
    )


def septets(char: str) -> int:
    """Septets of one character in GSM-7, 0 when the alphabet lacks it."""
    if char in _BASIC:
        return 1
    return 2 if char in _EXTENDED else 0


def utf16_units(char: str) -> int:
    """UTF-16 units of one character."""
    return 2 if ord(char) > _LAST_OF_BMP else 1


def _pack(weights: list[int], size: int) -> int:
    segments, used = 1, 0
    for weight in weights:
        if used + weight > size:
            segments, used = segments + 1, 0
        used += weight
    return segments
