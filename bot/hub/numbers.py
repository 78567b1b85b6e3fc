"""Phone numbers as people write them, and as they are shown to somebody who may not know them."""

from __future__ import annotations

import re
from typing import Final

import phonenumbers
from phonenumbers import PhoneNumberFormat

_HIDDEN = "•"
_SHOWN_FIRST, _SHOWN_LAST = 2, 2  # digits, beside the country code

_BRAZIL: Final = re.compile(r"\+55([1-9]\d)([6-9]\d{7})")
_BRAZIL_NINTH: Final = re.compile(r"\+55([1-9]\d)9([6-9]\d{7})")
_ARGENTINA: Final = re.compile(r"\+54(?!9)(\d{10})")
_ARGENTINA_NINE: Final = re.compile(r"\+549(\d{10})")
_MEXICO_ONE: Final = re.compile(r"\+521(\d{10})")
_MEXICO: Final = re.compile(r"\+52(\d{10})")


def phone_number(text: str, *, region: str) -> str | None:
    """The number in E.164 and in one way of writing it (R15), or None when it cannot be one."""
    try:
        parsed = phonenumbers.parse(text, region)
        number = _one_way(phonenumbers.format_number(parsed, PhoneNumberFormat.E164))
        possible = phonenumbers.is_possible_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return None
    return number if possible else None


def can_exist(number: str) -> bool:
    """Whether a number in E.164 may be somebody's, and not only has the right length."""
    return phonenumbers.is_valid_number(phonenumbers.parse(number))


def calling_code(number: str | None, *, region: str | None = None) -> int:
    """The country code of a number in E.164, or of a region; 0 for what has none."""
    if number is None:
        return phonenumbers.country_code_for_region(region or "")
    try:
        return phonenumbers.parse(number).country_code or 0
    except phonenumbers.NumberParseException:
        return 0


def same_numbers(number: str) -> tuple[str, ...]:
    """A number as it is compared, and the other ways in which providers write it."""
    if brazil := _BRAZIL_NINTH.fullmatch(number):
        return number, f"+55{brazil[1]}{brazil[2]}"
    if argentina := _ARGENTINA_NINE.fullmatch(number):
        return number, f"+54{argentina[1]}"
    if mexico := _MEXICO.fullmatch(number):
        return number, f"+521{mexico[1]}"
    return (number,)


def masked_number(number: str) -> str:
    """`+46 70 ••• •• 67`: enough to know one's own again, too little to call another's."""
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return _HIDDEN * 3
    shown = phonenumbers.format_number(parsed, PhoneNumberFormat.INTERNATIONAL)
    start = len(f"+{parsed.country_code}")
    places = [place for place in range(start, len(shown)) if shown[place].isdigit()]
    hidden = set(places[_SHOWN_FIRST:-_SHOWN_LAST]) or set(places)
    return "".join(_HIDDEN if place in hidden else one for place, one in enumerate(shown))


def masked_name(name: str) -> str:
    """`A•••`: the first letter, and how it goes on is nobody's to see."""
    return f"{name[:1]}{_HIDDEN * 3}" if name else ""


def _one_way(number: str) -> str:
    """A number that is written in several ways, in one of them."""
    if brazil := _BRAZIL.fullmatch(number):
        return f"+55{brazil[1]}9{brazil[2]}"
    if argentina := _ARGENTINA.fullmatch(number):
        return f"+549{argentina[1]}"
    if mexico := _MEXICO_ONE.fullmatch(number):
        return f"+52{mexico[1]}"
    return number
