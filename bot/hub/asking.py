"""How a page asks a form's question: by an input with a label, in the customer's language."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, get_args

from bot.hub.content.fields import Fields
from bot.model.sending import Question, QuestionKind
from bot.model.understanding import Language
from bot.model.value import Value

if TYPE_CHECKING:
    from bot.hub.content.fields import Place

# Answers are short; a longer text is a story in which a pattern would only match by chance.
PATTERN_LIMIT: Final = 60
FREE_LIMIT: Final = 1000
_LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
_EXAMPLE = "field: {kind: order_number, label: {sv: Ordernummer, en: Order number}}"
# What browsers write otherwise, or do not know.
_OURS_ALONE = re.compile(r"\(\?P[=>]|\(\?[aiLmsux#-]|\\[AZ]")


class StepField(Value):
    """The input of the step `name`; `labels` by language, `pattern` as browsers read it."""

    name: str
    kind: QuestionKind
    labels: tuple[tuple[Language, str], ...]
    pattern: str | None = None
    example: str | None = None

    def question(self, language: str | None) -> Question:
        """What a page is told in a language, or in the first one when it is not ours."""
        labels = dict[str, str](self.labels)
        free = self.pattern is None
        return Question(
            name=self.name,
            kind=self.kind,
            label=labels.get(language or "", self.labels[0][1]),
            pattern=self.pattern,
            example=self.example,
            max_length=FREE_LIMIT if free else PATTERN_LIMIT,
        )


def read_step_field(item: Fields, *, pattern: str | None) -> StepField | None:
    """The field `field` of a step, None when absent; raises ConfigError with line and mend."""
    given = item.inner("field")
    if given is None:
        return None
    given.only("kind", "label", "example")
    labels = given.inner("label")
    if labels is None:
        raise given.place.error("field 'label' is missing", f"Write it like `{_EXAMPLE}`.")
    labels.only(*_LANGUAGES)
    example = given.text("example")
    if pattern is not None:
        _check(given.at("example"), pattern, example)
    return StepField(
        name=item.required("name", example="order_number"),
        kind=_kind(given),
        labels=tuple((one, labels.required(one, example="Order number")) for one in _LANGUAGES),
        pattern=None if pattern is None else pattern.replace("(?P<", "(?<"),
        example=example,
    )


def _kind(given: Fields) -> QuestionKind:
    value = given.required("kind", example=QuestionKind.TEXT)
    for kind in QuestionKind:
        if kind.value == value:
            return kind
    raise given.at("kind").error(
        f"field 'kind' cannot be '{value}'", f"Use one of: {', '.join(QuestionKind)}."
    )


def _check(place: Place, pattern: str, example: str | None) -> None:
    if _OURS_ALONE.search(pattern):
        raise place.error(
            "the step's pattern cannot be told to a page",
            "Leave out flags, comments, \\A, \\Z and back references.",
        )
    if example is not None and not re.fullmatch(pattern, example, re.IGNORECASE):
        raise place.error(
            f"the example '{example}' does not fit the step's pattern", "Give one that does."
        )
