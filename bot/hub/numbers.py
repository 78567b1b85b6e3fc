"""Phone numbers as people write them, and as they are shown to somebody who may not know them."""

from __future__ import annotations

import phonenumbers
from phonenumbers import PhoneNumberFormat

HOME = "SE"  # where a number without a country code belongs (rule R15)
_HIDDEN = "•"
_SHOWN_FIRST, _SHOWN_LAST = 2, 2  # digits, beside the country code


def phone_number(text: str) -> str | None:
    """The number in E.164, or None when it is none that can exist."""
    try:
        number = phonenumbers.parse(text, HOME)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


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
