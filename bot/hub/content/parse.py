"""Content files: Markdown with a YAML head, read and written without loss."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from bot.hub.content.choices import format_cards, format_choices, quoted, read_card, read_choice
from bot.hub.content.fields import Fields, Place, read_fields
from bot.hub.content.variant import Condition, ContentType, Operator, Variant
from bot.model.understanding import Need

if TYPE_CHECKING:
    from pathlib import Path

_FIELDS = (
    "slot",
    "locale",
    "persona",
    "stage",
    "channel",
    "need",
    "type",
    "valid",
    "when",
    "choices",
    "cards",
    "goal",
    "revision_note",
)
_SLOT = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*")
_LOCALE = re.compile(r"[a-z]{2,3}(-[A-Z]{2})?")
_WORD = re.compile(r"[a-z][a-z0-9_-]*")
_NO_VALUES = frozenset({Operator.EXISTS, Operator.MISSING})

E_ = TypeVar("E_", ContentType, Operator, Need)


@dataclass(frozen=True, slots=True)
class Source:
    """A variant and where it stands: `line` is the first line of its text."""

    variant: Variant
    file: str
    line: int


def read_file(path: Path, *, root: Path) -> Source:
    """Read a content file below `root`; raises ConfigError with file, line, field and mend."""
    file = path.relative_to(root).as_posix()
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        where = Place(file, 1)
        raise where.error(f"byte {error.start} is not UTF-8", "Save the file as UTF-8.") from None
    return parse(text, file=file)


def parse(text: str, *, file: str) -> Source:
    """Read the text of a content file; raises ConfigError with file, line, field and mend."""
    head, body, line = _split(text, file=file)
    fields = read_fields(head, file=file, offset=1)
    fields.only(*_FIELDS)
    valid_from, valid_to = _valid(fields)
    variant = Variant(
        name=file.removesuffix(".md"),
        slot=fields.shaped("slot", _SLOT, example="answer.delivery.time"),
        locale=fields.shaped("locale", _LOCALE, example="sv"),
        persona=_words(fields, "persona"),
        stage=_words(fields, "stage"),
        channel=_words(fields, "channel"),
        need=_member(fields, "need", Need),
        type=_member(fields, "type", ContentType) or ContentType.SERVICE,
        valid_from=valid_from,
        valid_to=valid_to,
        when=_conditions(fields),
        choices=tuple(read_choice(one, fields.at("choices")) for one in fields.items("choices")),
        cards=tuple(read_card(one, fields.at("cards")) for one in fields.items("cards")),
        goal=fields.text("goal") or "",
        revision_note=fields.text("revision_note") or "",
        text=body,
    )
    return Source(variant, file, line)


def _split(text: str, *, file: str) -> tuple[str, str, int]:
    lines = text.replace("\r\n", "\n").split("\n")
    if lines[0].rstrip() != "---":
        raise Place(file, 1).error(
            "the head is missing", "Begin with a line `---`, the fields, and another line `---`."
        )
    end = next((n for n, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), None)
    if end is None:
        raise Place(file, 1).error("the head does not end", "Close it with a line `---`.")
    blank = next((n for n, line in enumerate(lines[end + 1 :]) if line.strip()), 0)
    return "\n".join(lines[1:end]), "\n".join(lines[end + 1 :]).strip(), end + 2 + blank


def _words(fields: Fields, name: str) -> tuple[str, ...]:
    words = fields.texts(name)
    for word in words:
        if not _WORD.fullmatch(word):
            raise fields.at(name).error(
                f"field '{name}' cannot hold '{word}'", "Use small letters, digits, _ and -."
            )
    if len(set(words)) != len(words):
        raise fields.at(name).error(f"field '{name}' names one twice", "Keep one of them.")
    return tuple(sorted(words))


def _member(fields: Fields, name: str, kind: type[E_]) -> E_ | None:
    value = fields.text(name)
    if value is None:
        return None
    for member in kind:
        if member.value == value:
            return member
    raise fields.at(name).error(
        f"field '{name}' cannot be '{value}'", f"Use one of: {', '.join(kind)}."
    )


def _valid(fields: Fields) -> tuple[datetime | None, datetime | None]:
    valid = fields.inner("valid")
    if valid is None:
        return None, None
    valid.only("from", "to")
    start, end = _time(valid, "from"), _time(valid, "to")
    if start is not None and end is not None and start >= end:
        raise valid.at("to").error(
            "field 'valid' ends before it begins", "Put `to` after `from`, or leave one out."
        )
    return start, end


def _time(fields: Fields, name: str) -> datetime | None:
    value = fields.text(name)
    if value is None:
        return None
    mend = "Write it like `2026-03-01T00:00+01:00`."
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        raise fields.at(name).error(f"field 'valid.{name}' cannot be '{value}'", mend) from None
    if time.tzinfo is None:
        raise fields.at(name).error(f"field 'valid.{name}' has no time zone", mend)
    return time


def _conditions(fields: Fields) -> tuple[Condition, ...]:
    when = fields.inner("when")
    if when is None:
        return ()
    when.only("all")
    return tuple(_condition(item, when.at("all")) for item in when.items("all"))


def _condition(item: Fields | str, place: Place) -> Condition:
    mend = "Write it like `{field: order.status, op: in, value: [packed, shipped]}`."
    if isinstance(item, str):
        raise place.error(f"field 'when' cannot hold '{item}'", mend)
    item.only("field", "op", "value")
    field = item.shaped("field", _SLOT, example="order.status")
    op = _member(item, "op", Operator)
    values = item.texts("value")
    if op is None:
        raise item.place.error("field 'op' is missing", mend)
    if (op in _NO_VALUES) == bool(values):
        takes = "takes no value" if op in _NO_VALUES else "needs a value"
        raise item.at("value").error(f"the comparison '{op}' {takes}", mend)
    return Condition(field=field, op=op, values=values)


# --- writing ---------------------------------------------------------------------------------


def format_variant(variant: Variant) -> str:
    """The content file of a variant: reading it again gives an equal variant."""
    head = [f"slot: {variant.slot}", f"locale: {variant.locale}"]
    for name, words in (
        ("persona", variant.persona),
        ("stage", variant.stage),
        ("channel", variant.channel),
    ):
        if words:
            head.append(f"{name}: [{', '.join(words)}]")
    if variant.need is not None:
        head.append(f"need: {variant.need}")
    if variant.type is not ContentType.SERVICE:
        head.append(f"type: {variant.type}")
    head += _format_valid(variant) + _format_when(variant)
    head += format_choices(variant.choices) + format_cards(variant.cards)
    head += [
        f"{name}: {quoted(value)}"
        for name, value in (("goal", variant.goal), ("revision_note", variant.revision_note))
        if value
    ]
    return "\n".join(("---", *head, "---", variant.text, ""))


def _format_valid(variant: Variant) -> list[str]:
    bounds = (("from", variant.valid_from), ("to", variant.valid_to))
    given = [f"{name}: {quoted(time.isoformat())}" for name, time in bounds if time is not None]
    return [f"valid: {{{', '.join(given)}}}"] if given else []


def _format_when(variant: Variant) -> list[str]:
    if not variant.when:
        return []
    return ["when:", "  all:", *(f"    - {_format_condition(each)}" for each in variant.when)]


def _format_condition(condition: Condition) -> str:
    values = f", value: [{', '.join(map(quoted, condition.values))}]" if condition.values else ""
    return f"{{field: {condition.field}, op: {condition.op}{values}}}"
