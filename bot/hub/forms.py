"""Forms: a few questions in a row, the same on every channel; pure functions over a position.

What the customer has said already is not asked again. An answer that does not fit is asked for
once more in other words; the second miss in a row gives up, and a human goes on.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bot.errors import ConfigError
from bot.hub.asking import FREE_LIMIT, PATTERN_LIMIT, StepField, read_step_field
from bot.hub.content.fields import Fields, Place, read_fields
from bot.model.dialogue import FormPosition, SlotFilled
from bot.model.value import Value

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from bot.model.understanding import Understanding

_HANDOFF_SLOT = "handoff.offered"
_MISSES = 2
_SURE = 0.5
_VALUE = "{value}"
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_SLOT = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+")
_FREE_LEAST = 3
# Words of a message that can be a wish to leave, whatever it was read as, or when it was unclear.
_TERSE = 3
_SHORT = 5
_WORD = re.compile(r"\w+")


class Step(Value):
    """One question. It takes the entity, or a whole message that fits the pattern, or any text.

    `ask` and `reask` are content slots; `reask` is said when the answer did not fit. `normal` is
    how a match of the pattern is written down: `{value}` is its group `value`, or all of it.
    `field` is how a page asks it.
    """

    name: str
    ask: str
    reask: str
    entity: str | None = None
    pattern: str | None = None
    normal: str = _VALUE
    free: bool = False
    field: StepField | None = None


class Form(Value):
    """Questions in a row, begun by an intent; `done` and `cancelled` are content slots.

    `cancel_words` are phrases in small letters, `cancel_intents` intents, that end it.
    """

    name: str
    starts_on: str
    steps: tuple[Step, ...]
    done: str
    cancelled: str
    cancel_words: tuple[str, ...] = ()
    cancel_intents: tuple[str, ...] = ()

    @property
    def slots(self) -> tuple[str, ...]:
        """Every content slot that the form can say."""
        asked = (slot for step in self.steps for slot in (step.ask, step.reask))
        return (*asked, self.done, self.cancelled)


class FormStep(Value):
    """Where the form stands after a message, and what to say.

    `position` is None when it is over. `missed`: the answer did not fit (the position is then the
    old question). `gave_up`: it was one miss too many, bring in a human. `cancelled`: the customer
    wanted out. `filled` is all that is known so far.
    """

    position: FormPosition | None
    slot: str
    filled: tuple[SlotFilled, ...] = ()
    missed: bool = False
    gave_up: bool = False
    cancelled: bool = False


def start(form: Form, understanding: Understanding) -> FormStep:
    """Begin a form; what the first message already says is filled in."""
    return _advance(form, _harvest(form, (), understanding))


def answer(form: Form, position: FormPosition, understanding: Understanding, text: str) -> FormStep:
    """Take a message as the answer to the question that is open."""
    step = open_step(form, position)
    value = _fitting(step, understanding, text)
    if _cancels(form, understanding, text) or (
        value is None and _denies(form, understanding, text)
    ):
        return _cancelled(form, position)
    if value is None and step.free:
        value = _told(text)
    if value is None:
        return _miss(form, position, _harvest(form, position.filled, understanding))
    return _advance(form, _harvest(form, _with(position.filled, step.name, value), understanding))


def open_step(form: Form, position: FormPosition) -> Step:
    """The question that is open; the first unfilled one when the form's file no longer has it."""
    named = next((step for step in form.steps if step.name == position.step), None)
    if named is not None:
        return named
    return next((step for step in form.steps if position.value(step.name) is None), form.steps[-1])


def _harvest(
    form: Form, filled: tuple[SlotFilled, ...], understanding: Understanding
) -> tuple[SlotFilled, ...]:
    """What is filled, and every entity of the message that a step still lacks."""
    for step in form.steps:
        if step.entity is None or any(slot.name == step.name for slot in filled):
            continue
        value = understanding.entity(step.entity)
        if value is not None and value.strip():
            filled = _with(filled, step.name, value.strip())
    return filled


def _with(filled: tuple[SlotFilled, ...], name: str, value: str) -> tuple[SlotFilled, ...]:
    kept = tuple(slot for slot in filled if slot.name != name)
    return (*kept, SlotFilled(name=name, value=value))


def _fitting(step: Step, understanding: Understanding, text: str) -> str | None:
    if step.entity is not None and (found := understanding.entity(step.entity)):
        return found
    said = text.strip()
    if step.pattern is None or len(said) > PATTERN_LIMIT:
        return None
    match = re.fullmatch(step.pattern, said, re.IGNORECASE)
    if match is None:
        return None
    value = match["value"] if "value" in match.re.groupindex else said
    return step.normal.replace(_VALUE, value)


def _told(text: str) -> str | None:
    """The answer to an open question; a question is none, so that the router can answer it."""
    said = text.strip()
    return said[:FREE_LIMIT] if len(said) >= _FREE_LEAST and not said.endswith("?") else None


def _advance(form: Form, filled: tuple[SlotFilled, ...]) -> FormStep:
    known = {slot.name for slot in filled}
    step = next((step for step in form.steps if step.name not in known), None)
    if step is None:
        return FormStep(position=None, slot=form.done, filled=filled)
    position = FormPosition(form=form.name, step=step.name, filled=filled)
    return FormStep(position=position, slot=step.ask, filled=filled)


def _miss(form: Form, position: FormPosition, filled: tuple[SlotFilled, ...]) -> FormStep:
    misses = position.misses + 1
    step = open_step(form, position)
    again = FormPosition(form=form.name, step=step.name, filled=filled, misses=misses)
    gave_up = misses >= _MISSES
    slot = _HANDOFF_SLOT if gave_up else step.reask
    return FormStep(position=again, slot=slot, filled=filled, missed=True, gave_up=gave_up)


def _cancelled(form: Form, position: FormPosition) -> FormStep:
    return FormStep(position=None, slot=form.cancelled, filled=position.filled, cancelled=True)


def _cancels(form: Form, understanding: Understanding, text: str) -> bool:
    """Whether the customer wants out; "cancel the order I placed" is about something else."""
    words = _WORD.findall(text.casefold())
    said = f" {' '.join(words)} "
    if not any(f" {phrase} " in said for phrase in form.cancel_words):
        return False
    own = understanding.intent in {None, form.starts_on, *form.cancel_intents}
    return len(words) <= _TERSE or (len(words) <= _SHORT and own)


def _denies(form: Form, understanding: Understanding, text: str) -> bool:
    return (
        understanding.intent in form.cancel_intents
        and understanding.confidence >= _SURE
        and len(_WORD.findall(text)) <= _SHORT
    )


# --- reading ---------------------------------------------------------------------------------


class Forms:
    """All forms; immutable."""

    def __init__(self, forms: Iterable[Form] = ()) -> None:
        self.all = tuple(sorted(forms, key=lambda form: form.name))
        self._names = {form.name: form for form in self.all}
        self._intents: dict[str, Form] = {}
        for form in self.all:
            other = self._intents.setdefault(form.starts_on, form)
            if other is not form or self._names[form.name] is not form:
                raise ConfigError(
                    f"forms '{other.name}' and '{form.name}' have one name or start on one intent",
                    where="forms",
                    mend="Give each form a name and an intent of its own.",
                )

    @classmethod
    def load(cls, folder: Path) -> Forms:
        """Read every `.yaml` file of a folder; raises ConfigError with file, line and mend."""
        if not folder.is_dir():
            raise ConfigError("no such folder", where=str(folder), mend="Name the forms folder.")
        paths = sorted(folder.glob("*.yaml"))
        return cls(
            parse_form(path.read_text(encoding="utf-8-sig"), file=path.name) for path in paths
        )

    def by_name(self, name: str) -> Form | None:
        """The form of this name, or None."""
        return self._names.get(name)

    def by_intent(self, intent: str) -> Form | None:
        """The form that this intent begins, or None."""
        return self._intents.get(intent)


def parse_form(text: str, *, file: str) -> Form:
    """Read the text of a form file; raises ConfigError with file, line, field and mend."""
    fields = read_fields(text, file=file)
    fields.only("form", "starts_on", "done", "cancelled", "cancel_words", "cancel_intents", "steps")
    steps = tuple(_parse_step(item, fields.at("steps")) for item in fields.items("steps"))
    if not steps:
        raise fields.at("steps").error("field 'steps' is empty", "Add at least one question.")
    names = [step.name for step in steps]
    if len(set(names)) != len(names):
        raise fields.at("steps").error("two steps have one name", "Rename one of them.")
    return Form(
        name=fields.shaped("form", _NAME, example="return_item"),
        starts_on=fields.shaped("starts_on", _SLOT, example="return.start"),
        steps=steps,
        done=fields.shaped("done", _SLOT, example="form.return_item.done"),
        cancelled=fields.shaped("cancelled", _SLOT, example="form.return_item.cancelled"),
        cancel_words=tuple(filter(None, map(_phrase, fields.texts("cancel_words")))),
        cancel_intents=fields.texts("cancel_intents"),
    )


def _parse_step(item: Fields | str, place: Place) -> Step:
    if isinstance(item, str):
        raise place.error(f"a step cannot be '{item}'", "Give it name, ask and reask.")
    item.only("name", "ask", "reask", "entity", "pattern", "normal", "free", "field")
    free = item.text("free")
    if free not in {None, "true", "false"}:
        raise item.at("free").error(f"field 'free' cannot be '{free}'", "Write true or false.")
    pattern = _pattern(item)
    step = Step(
        name=item.shaped("name", _NAME, example="order_number"),
        ask=item.shaped("ask", _SLOT, example="form.return_item.order_number"),
        reask=item.shaped("reask", _SLOT, example="form.return_item.order_number.again"),
        entity=item.text("entity"),
        pattern=pattern,
        normal=_normal(item),
        free=free == "true",
        field=read_step_field(item, pattern=pattern),
    )
    if step.entity is None and step.pattern is None and not step.free:
        raise item.place.error(
            f"step '{step.name}' takes no answer", "Give it entity, pattern or `free: true`."
        )
    return step


def _pattern(item: Fields) -> str | None:
    pattern = item.text("pattern")
    if pattern is None:
        return None
    try:
        re.compile(pattern)
    except re.error as error:
        raise item.at("pattern").error(
            f"field 'pattern' is no regular expression: {error}", "Mend it, or use an entity."
        ) from None
    return pattern


def _normal(item: Fields) -> str:
    normal = item.text("normal") or _VALUE
    if _VALUE not in normal:
        raise item.at("normal").error(
            f"field 'normal' cannot be '{normal}'", f"Write it like `normal: FB-{_VALUE}`."
        )
    return normal


def _phrase(text: str) -> str:
    return " ".join(_WORD.findall(text.casefold()))
