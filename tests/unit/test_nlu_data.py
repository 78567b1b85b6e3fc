"""Training data: what is wrong with it, where, and how to mend it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import ConfigError
from nlu.data import load_corpus
from nlu.settings import NluSettings, OrderNumber

TWO = """\
intents:
  greet: {need: service, examples: {sv: [hej], en: [hi]}}
  order: {stage: {support: 0.5, loyalty: 0.5}, examples: {sv: [var är min order]}}
out_of_scope: {en: [what is the time]}
"""

BAD_ROWS = [
    ("not json", ":2: ", "JSON"),
    ("[1]", ":2: ", "object"),
    ('{"label": "a"}', ":2: text", "required"),
    ('{"text": "x"}', ":2: ", "empty"),
    ('{"text": "  ", "label": "a"}', ":2: ", "empty"),
    ('{"text": 5, "label": "a"}', ":2: text", "string"),
    ('{"text": "x", "label": "a", "lang": "de"}', ":2: ", "lang 'de'"),
]

BAD_FILES = [
    ("intents: {a: {examples: {sv: [", "a.yaml:1", "expected"),
    ("intents: {a: {examples: {de: [hallo]}}}", "a.yaml", "'sv' or 'en'"),
    ("intents: {a: {exampels: {sv: [x]}}}", "a.yaml", "examples: Field required"),
    ("intents: {a: {examples: {sv: [42]}}}", "a.yaml", "string"),
    ("intents: {a: {examples: {sv: ['  ']}}}", "a.yaml", "sv.0"),
    ("intents: {a: {examples: {}}}", "a.yaml", "no examples"),
    ("intents: {'A b': {examples: {sv: [x]}}}", "a.yaml", "A b"),
    ("intents: {oos: {examples: {sv: [x]}}}", "a.yaml", "exists already"),
    ("intents: {a: {need: money, examples: {sv: [x]}}}", "a.yaml", "need"),
    ("intents: {a: {stage: {buy: 1}, examples: {sv: [x]}}}", "intents.a.stage", "no stage buy"),
    ("intents: {a: {stage: {support: 0.5}, examples: {sv: [x]}}}", "a.stage", "sum to 0.50"),
    ("intents: {a: {examples: {sv: [x]}}}", "", "1 intents"),
]


def write(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(("row", "where", "what"), BAD_ROWS)
def test_a_bad_row_is_named(tmp_path: Path, row: str, where: str, what: str) -> None:
    file = write(tmp_path, "rows.jsonl", '{"text": "hi", "label": "greet"}\n' + row + "\n")
    with pytest.raises(ConfigError) as caught:
        load_corpus(file)
    assert f"rows.jsonl{where}" in str(caught.value)
    assert what in str(caught.value)
    assert caught.value.mend


@pytest.mark.parametrize(("content", "where", "what"), BAD_FILES)
def test_a_bad_file_is_named(tmp_path: Path, content: str, where: str, what: str) -> None:
    write(tmp_path, "a.yaml", content)
    with pytest.raises(ConfigError) as caught:
        load_corpus(tmp_path)
    assert where in caught.value.where
    assert what in caught.value.what
    assert caught.value.mend


def test_an_intent_in_two_files_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", TWO)
    write(tmp_path, "b.yaml", "intents: {greet: {examples: {sv: [hallå]}}}")
    with pytest.raises(ConfigError, match=r"b\.yaml: intent greet exists already"):
        load_corpus(tmp_path)


def test_missing_and_binary_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_corpus(tmp_path / "none.jsonl")
    (tmp_path / "x.jsonl").write_bytes(b'\xff\xfe{"text"')
    with pytest.raises(ConfigError, match="UTF-8"):
        load_corpus(tmp_path / "x.jsonl")


def test_a_folder_is_read(tmp_path: Path) -> None:
    write(tmp_path, "talk.yaml", TWO)
    write(tmp_path, "settings.yaml", "reject_rate: 0.05\nphone_region: NO\n")
    corpus = load_corpus(tmp_path)
    assert [intent.name for intent in corpus.intents] == ["greet", "order"]
    assert [(e.text, e.intent, e.language) for e in corpus.examples] == [
        ("hej", "greet", "sv"),
        ("hi", "greet", "en"),
        ("var är min order", "order", "sv"),
    ]
    assert corpus.examples[2].where.endswith("talk.yaml: intents.order.examples.sv[1]")
    assert [e.text for e in corpus.outside] == ["what is the time"]
    assert corpus.intents[0].stage == ()
    assert corpus.intents[1].stage == (0, 0, 0, 0, 0, 0.5, 0.5)
    assert (corpus.settings.reject_rate, corpus.settings.phone_region) == (0.05, "NO")


def test_rows_are_read_with_stages(tmp_path: Path) -> None:
    rows = (
        '{"text": "a b", "label": "y", "stage": "buy"}\n'
        '{"text": "c d", "label": "x", "stage": "look", "split": "train"}\n'
        '{"text": "e f", "label": "x", "stage": "buy"}\n'
        '{"text": "g h", "label": "oos"}\n'
    )
    corpus = load_corpus(write(tmp_path, "rows.jsonl", rows))
    assert corpus.settings.stages == ("buy", "look")
    assert [(intent.name, intent.stage) for intent in corpus.intents] == [
        ("x", (0.5, 0.5)),
        ("y", (1.0, 0.0)),
    ]
    assert [example.text for example in corpus.outside] == ["g h"]


def test_settings_check_order_number_forms(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not a regular expression"):
        OrderNumber(pattern="(", normal="x")
    with pytest.raises(ValueError, match="more than the 1 groups"):
        OrderNumber(pattern=r"(\d)", normal="{0}{1}")
    write(tmp_path, "settings.yaml", "order_numbers: [{pattern: '(', normal: x}]")
    with pytest.raises(ConfigError, match=r"settings\.yaml: order_numbers\.0\.pattern"):
        load_corpus(tmp_path)


def test_settings_have_working_defaults() -> None:
    assert NluSettings().stages[0] == "awareness"
    assert len(NluSettings().stages) == 7
