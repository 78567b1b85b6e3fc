"""What the reader learns from: our YAML folders and plain JSON lines, checked with clear errors."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from bot.errors import ConfigError
from bot.model.understanding import Language, Need
from bot.model.value import Value
from nlu.settings import NluSettings, Share
from nlu.text import fold

OUT_OF_SCOPE = "oos"
_LEAST_INTENTS = 2
_ROUNDING = 0.01
_SETTINGS = "settings.yaml"
_Text = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"\S")]
_Texts = dict[Language, tuple[_Text, ...]]
Written = TypeVar("Written", bound=Value)


class IntentSpec(Value):
    """One intent as written in a YAML file."""

    need: Need | None = None
    stage: dict[str, Share] = Field(default_factory=dict)
    examples: _Texts


class IntentFile(Value):
    """One YAML file: intents by name, and texts that are none of them."""

    intents: dict[Annotated[str, Field(pattern=r"^[a-z0-9_.\-]+$")], IntentSpec] = Field(
        default_factory=dict
    )
    out_of_scope: _Texts = Field(default_factory=dict)


class Example(Value):
    """One text with its intent; `where` names the file and place it was written."""

    text: str
    intent: str
    language: Language | None = None
    where: str = ""


class Intent(Value):
    """What an intent says besides its name; `stage` holds a share for each stage, in order."""

    name: str
    need: Need | None = None
    stage: tuple[float, ...] = ()


class Corpus(Value):
    """Everything to train on. Intents are sorted by name, examples by intent."""

    intents: tuple[Intent, ...]
    examples: tuple[Example, ...]
    outside: tuple[Example, ...] = ()
    settings: NluSettings = NluSettings()


class Row(BaseModel):
    """One JSON line: text and label; `lang` and `stage` where known; all other fields are kept."""

    model_config = ConfigDict(frozen=True, extra="allow")

    text: str
    label: str | None = None
    lang: str | None = None
    stage: str | None = None


class PlacedRow(Value):
    """A row, its place, and its fields as they were."""

    row: Row
    where: str
    fields: dict[str, JsonValue]


_fields = TypeAdapter(dict[str, JsonValue])


def read_rows(path: Path) -> Iterator[PlacedRow]:
    """The rows of a .jsonl file; raises ConfigError naming file and line."""
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield _row(line, where=f"{path}:{number}")
    except UnicodeDecodeError as wrong:
        raise ConfigError("not UTF-8 text", where=str(path), mend="Save it as UTF-8.") from wrong
    except OSError as wrong:
        raise ConfigError(
            wrong.strerror or "cannot be read", where=str(path), mend="Check the path."
        ) from wrong


def _row(line: str, *, where: str) -> PlacedRow:
    try:
        fields = _fields.validate_json(line)
        return PlacedRow(row=Row.model_validate(fields), where=where, fields=fields)
    except ValidationError as wrong:
        raise ConfigError(
            _first(wrong), where=where, mend='Write one object a line: {"text": ..., "label": ...}.'
        ) from wrong


def _first(wrong: ValidationError) -> str:
    error = wrong.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in error["loc"])
    return f"{place}: {error['msg']}" if place else error["msg"]


def load_corpus(path: Path) -> Corpus:
    """Read training data: a .jsonl file, or a folder of our YAML; raises ConfigError."""
    corpus = _from_folder(path) if path.is_dir() else _from_rows(path)
    if len(corpus.intents) < _LEAST_INTENTS:
        raise ConfigError(
            f"{len(corpus.intents)} intents", where=str(path), mend="Give at least two intents."
        )
    return corpus


# --- JSON lines ------------------------------------------------------------------------------


def _from_rows(path: Path) -> Corpus:
    inside: list[Example] = []
    outside: list[Example] = []
    stages: dict[str, Counter[str]] = defaultdict(Counter)
    for placed in read_rows(path):
        row = placed.row
        if not row.label or not row.text.strip():
            raise ConfigError(
                "text or label is empty", where=placed.where, mend="Fill both, or drop the row."
            )
        language = _language(row.lang, where=placed.where)
        example = Example(text=row.text, intent=row.label, language=language, where=placed.where)
        (outside if row.label == OUT_OF_SCOPE else inside).append(example)
        if row.stage is not None:
            stages[row.label][row.stage] += 1
    settings = NluSettings()
    if stages:
        found = sorted({stage for counts in stages.values() for stage in counts})
        settings = NluSettings(stages=tuple(found)) if len(found) > 1 else settings
    names = sorted({example.intent for example in inside})
    intents = [Intent(name=name, stage=_shares(stages[name], settings.stages)) for name in names]
    return _corpus(intents, inside, outside, settings)


def _language(code: str | None, *, where: str) -> Language | None:
    match code:
        case None | "":
            return None
        case "sv":
            return "sv"
        case "en":
            return "en"
        case _:
            raise ConfigError(f"lang {code!r}", where=where, mend="Use sv or en, or leave it out.")


def _shares(counts: Counter[str], stages: Iterable[str]) -> tuple[float, ...]:
    total = counts.total()
    return tuple(counts[stage] / total for stage in stages) if total else ()


# --- YAML folders ----------------------------------------------------------------------------


def _from_folder(path: Path) -> Corpus:
    settings = NluSettings()
    if (path / _SETTINGS).is_file():
        settings = _validated(path / _SETTINGS, NluSettings)
    inside: list[Example] = []
    outside: list[Example] = []
    intents: dict[str, Intent] = {}
    for file in sorted(path.glob("*.yaml")):
        if file.name == _SETTINGS:
            continue
        content = _validated(file, IntentFile)
        for name, spec in content.intents.items():
            if name in intents or name == OUT_OF_SCOPE:
                mend = "Give it another name, or join the two."
                raise ConfigError(f"intent {name} exists already", where=str(file), mend=mend)
            stage = _stage_row(spec, settings, where=f"{file}: intents.{name}.stage")
            intents[name] = Intent(name=name, need=spec.need, stage=stage)
            texts = list(_examples(spec.examples, name, where=f"{file}: intents.{name}.examples"))
            if not texts:
                mend = "Write at least one example."
                raise ConfigError(f"intent {name} has no examples", where=str(file), mend=mend)
            inside += texts
        outside += _examples(content.out_of_scope, OUT_OF_SCOPE, where=f"{file}: out_of_scope")
    ordered = [intents[name] for name in sorted(intents)]
    return _corpus(ordered, inside, outside, settings)


def _validated(file: Path, model: type[Written]) -> Written:
    """Read one YAML file as a model."""
    try:
        content = YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8"))
        return model.model_validate(content or {})
    except MarkedYAMLError as wrong:
        line = wrong.problem_mark.line + 1 if wrong.problem_mark else 1
        mend = "Mend the YAML; put a text with a colon or hash in quotes."
        problem = " ".join((wrong.problem or "not YAML").split())
        raise ConfigError(problem, where=f"{file}:{line}", mend=mend) from wrong
    except YAMLError as wrong:
        raise ConfigError("not YAML", where=str(file), mend="Mend the YAML.") from wrong
    except UnicodeDecodeError as wrong:
        raise ConfigError("not UTF-8 text", where=str(file), mend="Save it as UTF-8.") from wrong
    except ValidationError as wrong:
        mend = "Change it to what is asked for; put numbers that are texts in quotes."
        raise ConfigError(_first(wrong), where=str(file), mend=mend) from wrong


def _stage_row(spec: IntentSpec, settings: NluSettings, *, where: str) -> tuple[float, ...]:
    unknown = sorted(set(spec.stage) - set(settings.stages))
    if unknown:
        mend = f"Use {', '.join(settings.stages)}."
        raise ConfigError(f"no stage {unknown[0]}", where=where, mend=mend)
    total = sum(spec.stage.values())
    if spec.stage and abs(total - 1) > _ROUNDING:
        mend = "Make the shares sum to 1, or leave the row empty."
        raise ConfigError(f"the shares sum to {total:.2f}", where=where, mend=mend)
    return tuple(spec.stage.get(stage, 0) / total for stage in settings.stages) if total else ()


def _examples(texts: _Texts, intent: str, *, where: str) -> Iterator[Example]:
    for language, written in texts.items():
        for number, text in enumerate(written, 1):
            place = f"{where}.{language}[{number}]"
            yield Example(text=text, intent=intent, language=language, where=place)


# --- both ------------------------------------------------------------------------------------


def _corpus(
    intents: list[Intent], inside: list[Example], outside: list[Example], settings: NluSettings
) -> Corpus:
    ordered = sorted(inside, key=lambda example: example.intent)
    return Corpus(
        intents=tuple(intents),
        examples=tuple(ordered),
        outside=tuple(outside),
        settings=settings,
    )


class Overlap(Value):
    """The same text given to different intents."""

    text: str
    intents: tuple[str, ...]
    where: tuple[str, ...]


def overlaps(examples: Iterable[Example]) -> tuple[Overlap, ...]:
    """Texts (any case, with or without diacritics) that stand under more than one intent."""
    places: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        places[comparable(example.text)].append(example)
    found = []
    for same in places.values():
        names = tuple(sorted({example.intent for example in same}))
        if len(names) > 1:
            where = tuple(example.where for example in same)
            found.append(Overlap(text=same[0].text, intents=names, where=where))
    return tuple(found)


def distinct(examples: Iterable[Example]) -> tuple[Example, ...]:
    """The examples without repeats of a text under the same intent."""
    seen: set[tuple[str, str]] = set()
    kept = []
    for example in examples:
        key = (example.intent, comparable(example.text))
        if key not in seen:
            seen.add(key)
            kept.append(example)
    return tuple(kept)


def comparable(text: str) -> str:
    """A text for comparing: folded, with single spaces."""
    return " ".join(fold(text).split())
