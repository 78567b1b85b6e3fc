"""Checks content before it goes live: what would fail, mislead, cost or sound wrong."""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import chain, combinations
from typing import TYPE_CHECKING

from bot.errors import ConfigError
from bot.hub.content.candidate import prepare
from bot.hub.content.choices import written_out
from bot.hub.content.library import ContentSet, content_files
from bot.hub.content.overlap import check_overlaps
from bot.hub.content.parse import Source, read_file
from bot.hub.content.problem import Problem, Severity, format_problems
from bot.hub.content.render import Scalar, Template, Unfit, Variables
from bot.hub.content.tone import VOICE_FILE, VoiceRules, check_tone, load_voice
from bot.hub.content.verdict import Verdict
from bot.kit.sms import SmsEncoding, cost

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

__all__ = ["KNOWN_VARIABLES", "Problem", "Severity", "check", "format_problems"]

# What the hub can fill in, with a long example for counting; any `form.*` is known too.
KNOWN_VARIABLES: tuple[tuple[str, Scalar], ...] = (
    ("agent.name", "Ann-Charlotte"),
    ("channel", "whatsapp_cloud"),
    ("customer.first_name", "Ann-Charlotte"),
    ("customer.name", "Ann-Charlotte Wallenstierna"),
    ("handoff.position", 12),
    ("link.began", "2026-03-02 14:02"),
    ("link.browser", "Samsung Internet"),
    ("link.code", "ABCD-2345"),
    ("link.number", "48291"),
    ("link.place", "SE"),
    ("link.system", "Windows"),
)
_FORM_PREFIX = "form."
_FORM_EXAMPLE = "FB-104233"
_LOCALES = ("sv", "en")
_UNREADABLE = "unreadable"
_EMPTY_FALLBACK = re.compile(r"""fallback:\s*(?:""|'')""")
_LONG_TEXT = 700
_LONG_TITLE = 20
_MANY_CARDS = 10
_CARD_TITLE = 60
_CARD_TEXT = 160
_CARD_BUTTONS = 3
# Texts of these slots are shown as choices.
_TITLE_SLOTS = "topic."
_MANY_SEGMENTS = 3
# All combinations of known and unknown are tried up to this many variables in one text.
_ALL_COMBINATIONS = 6
_TIME_ZONE = "Europe/Stockholm"


def check(folder: Path, *, now: datetime | None = None) -> list[Problem]:
    """Everything that is wrong in a content folder, by file and line; `now` finds ended texts.

    Blocks on the disk. Raises ConfigError only when the folder itself is missing.
    """
    if not folder.is_dir():
        raise ConfigError("no such folder", where=str(folder), mend="Name the content folder.")
    problems: list[Problem] = []
    voice = _read_voice(folder, problems)
    sources = _read_sources(folder, problems)
    problems += chain.from_iterable(_check_one(source, voice) for source in sources)
    problems += _check_slots(sources)
    problems += check_overlaps(sources, now=now)
    if all(problem.rule != _UNREADABLE for problem in problems):
        problems += _check_set(sources)
    return sorted(problems, key=lambda each: (each.file, each.line, each.rule, each.message))


def _read_voice(folder: Path, problems: list[Problem]) -> VoiceRules:
    try:
        return load_voice(folder)
    except ConfigError as error:
        problems.append(_unreadable(VOICE_FILE, error))
        return VoiceRules()


def _read_sources(folder: Path, problems: list[Problem]) -> list[Source]:
    sources: list[Source] = []
    for path in content_files(folder):
        try:
            sources.append(read_file(path, root=folder))
        except ConfigError as error:
            problems.append(_unreadable(path.relative_to(folder).as_posix(), error))
    return sources


def _unreadable(file: str, error: ConfigError) -> Problem:
    line = error.where.rpartition(":")[2]
    return Problem(
        file=file,
        line=int(line) if line.isdecimal() else 1,
        rule=_UNREADABLE,
        message=f"{error.what}. {error.mend}",
    )


def _check_set(sources: list[Source]) -> Iterator[Problem]:
    """What only the whole set shows; asked last, as broken parts would only be repeated."""
    try:
        ContentSet(sources)
    except ConfigError as error:
        yield _unreadable(error.where.partition(":")[0], error)


# --- one variant -----------------------------------------------------------------------------


def _check_one(source: Source, voice: VoiceRules) -> Iterator[Problem]:
    try:
        template = prepare(source, time_zone=_TIME_ZONE).template
    except ConfigError as error:
        yield _unreadable(source.file, error)
        return
    yield from _check_place(source)
    yield from _check_variables(source, template)
    yield from _check_renderings(source, template)
    yield from _check_choices(source)
    yield from _check_cards(source)
    yield from check_tone(source, voice)


def _check_place(source: Source) -> Iterator[Problem]:
    variant = source.variant
    parts = variant.name.split("/")
    if parts[-1].rpartition(".")[2] != variant.locale or variant.slot not in parts[:-1]:
        message = f"the path should end in {variant.slot}/<name>.{variant.locale}.md"
        yield _warning(source, 1, "path", message)


def _check_variables(source: Source, template: Template) -> Iterator[Problem]:
    known = {name for name, _ in KNOWN_VARIABLES}
    asked = template.names | {condition.field for condition in source.variant.when}
    for name in sorted(asked):
        if name not in known and not name.startswith(_FORM_PREFIX):
            message = f"variable '{name}' is unknown; known: {', '.join(sorted(known))}, form.*"
            yield _error(source, _line_of(source, name), "unknown-variable", message)
    for empty in _EMPTY_FALLBACK.findall(source.variant.text):
        message = "an empty fallback leaves a hole: write what is said instead, or use {% if %}"
        yield _error(source, _line_of(source, empty), "empty-fallback", message)


def _check_renderings(source: Source, template: Template) -> Iterator[Problem]:
    """Try the text with its variables known and not known; what fails now would fail later."""
    found: dict[tuple[str, str], Problem] = {}
    for variables in _combinations(template):
        text = template.render(variables)
        problem = _unfit(source, text) if isinstance(text, Unfit) else None
        for each in (problem,) if problem else _check_length(source, str(text)):
            found.setdefault((each.rule, each.message), each)
    yield from found.values()


def _combinations(template: Template) -> Iterator[Variables]:
    samples = dict(KNOWN_VARIABLES)
    pairs = [(name, samples.get(name, _FORM_EXAMPLE)) for name in sorted(template.names)]
    sizes: Iterable[int] = range(len(pairs), -1, -1)
    if len(pairs) > _ALL_COMBINATIONS:
        sizes = (len(pairs), len(pairs) - 1, 1, 0)
    for size in sizes:
        for some in combinations(pairs, size):
            yield Variables(some)


def _unfit(source: Source, unfit: Unfit) -> Problem:
    if unfit.missing is not None:
        name = unfit.missing
        mend = f'write {{{{ {name} | fallback: "..." }}}} or put it in {{% if {name} %}}'
        message = f"variable '{name}' has no fallback: {mend}"
        return _error(source, _line_of(source, name), "variable-without-fallback", message)
    rule = "empty-text" if unfit.reason == Verdict.EMPTY else "template"
    return _error(source, source.line, rule, unfit.reason)


def _check_length(source: Source, text: str) -> Iterator[Problem]:
    text = written_out(text, source.variant.cards)  # as channels without cards say it
    if not any(name.rpartition("_")[2] == "sms" for name in source.variant.channel):
        if len(text) > _LONG_TEXT:
            message = f"longer than {_LONG_TEXT} characters; people read two short messages sooner"
            yield _warning(source, source.line, "long-text", message)
        return
    sms = cost(text)
    if sms.encoding is SmsEncoding.UCS2:
        message = f"{' '.join(sms.culprits)} makes every SMS part 70 instead of 160 characters"
        yield _warning(source, source.line, "sms-alphabet", message)
    if sms.segments > 1:
        message = f"costs {sms.segments} SMS parts with its longest variables"
        severity = Severity.ERROR if sms.segments > _MANY_SEGMENTS else Severity.WARNING
        yield Problem(
            file=source.file,
            line=source.line,
            rule="sms-parts",
            message=message,
            severity=severity,
        )


def _check_choices(source: Source) -> Iterator[Problem]:
    titles = [choice.title for choice in source.variant.choices]
    # Where there are no cards, the answers on them stand in one list with the choices.
    titles += [choice.title for card in source.variant.cards for choice in card.buttons]
    if source.variant.slot.startswith(_TITLE_SLOTS):
        titles.append(source.variant.text)
    for title in titles:
        if len(title) > _LONG_TITLE:
            message = f"choice '{title}' has {len(title)} characters; {_LONG_TITLE} at most"
            yield _error(source, 1, "long-choice", message)
    for title in sorted({title for title in titles if titles.count(title) > 1}):
        yield _error(source, 1, "same-choice", f"choice '{title}' stands twice")


def _check_cards(source: Source) -> Iterator[Problem]:
    cards = source.variant.cards
    if len(cards) > _MANY_CARDS:
        yield _error(source, 1, "many-cards", f"{len(cards)} cards; {_MANY_CARDS} at most")
    for card in cards:
        for name, words, most in (
            ("title", card.title, _CARD_TITLE),
            ("text", card.text, _CARD_TEXT),
        ):
            if len(words) > most:
                message = f"the {name} of card '{card.title}' has {len(words)} characters; {most}"
                yield _error(source, 1, "long-card", f"{message} at most")
        if len(card.buttons) > _CARD_BUTTONS:
            message = f"card '{card.title}' has {len(card.buttons)} buttons; {_CARD_BUTTONS}"
            yield _error(source, 1, "many-buttons", f"{message} at most")


# --- slots -----------------------------------------------------------------------------------


def _check_slots(sources: list[Source]) -> Iterator[Problem]:
    slots: defaultdict[str, list[Source]] = defaultdict(list)
    for source in sources:
        slots[source.variant.slot].append(source)
    for slot, found in slots.items():
        first = min(found, key=lambda source: source.variant.name)
        for locale in _LOCALES:
            own = [each.variant for each in found if each.variant.locale.startswith(locale)]
            if not own:
                message = f"slot '{slot}' has no text in '{locale}'"
                yield _warning(first, 1, "missing-locale", message)
            elif not any(each.specificity == 0 and each.strings == 0 for each in own):
                message = f"slot '{slot}' has no default in '{locale}': a text for every moment"
                yield _warning(first, 1, "no-default", message)


def _line_of(source: Source, name: str) -> int:
    at = source.variant.text.find(name)
    return source.line + source.variant.text.count("\n", 0, max(at, 0)) if at >= 0 else 1


def _error(source: Source, line: int, rule: str, message: str) -> Problem:
    return Problem(file=source.file, line=line, rule=rule, message=message)


def _warning(source: Source, line: int, rule: str, message: str) -> Problem:
    return Problem(
        file=source.file, line=line, rule=rule, message=message, severity=Severity.WARNING
    )
