"""The shipped words: what a marketer wrote for a slot, filled in by hand."""

from __future__ import annotations

import re

from tests.hubs import shipped_content

# What is said of something that is not known here; one may stand in another.
_UNSAID = re.compile(r"\{% if (?:(?!\{% if ).)*?\{% endif %\}")
_VARIABLE = re.compile(r"\{\{\s*([\w.]+)[^}]*\}\}")


def words(
    slot: str, locale: str, *, channel: str = "webchat", persona: str | None = None, **values: str
) -> str:
    """The text of a slot's widest variant, or of the one for this channel or persona.

    `values` fill in `{{ agent.name | ... }}`: their names have `__` for the dot.
    """
    fits = [
        variant
        for variant in shipped_content().variants
        if (variant.slot, variant.locale) == (slot, locale)
        and not (variant.stage or variant.when)
        and variant.persona == ((persona,) if persona else ())
        and (not variant.channel or channel.rpartition("_")[2] in variant.channel)
    ]
    text = max(fits, key=lambda variant: bool(variant.channel)).text
    while _UNSAID.search(text):
        text = _UNSAID.sub("", text)
    return _VARIABLE.sub(lambda found: values[found[1].replace(".", "__")], text)
