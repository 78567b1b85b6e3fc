"""When to answer, ask back or hand over: the lines that cost the least."""

from __future__ import annotations

from pathlib import Path

import pytest

from nlu.caution import Trial, chosen
from nlu.page import page
from nlu.report import report
from nlu.settings import Costs
from tests.unit.nlu_models import read, shop_reader, shop_report, small_model


def sure(confidence: float, *, right: bool = True, near: bool = True) -> Trial:
    return Trial(confidence=confidence, right=right, near=near, passed=True)


# Of ten that are this sure: 0.9 nine are right, 0.5 five and four more are the second, 0.1 none.
TRIALS = (
    [sure(0.9)] * 9
    + [sure(0.9, right=False, near=False)]
    + [sure(0.5)] * 5
    + [sure(0.5, right=False)] * 4
    + [sure(0.5, right=False, near=False)]
    + [sure(0.1, right=False, near=False)] * 10
)


def test_the_lines_lie_between_what_is_worth_it_and_what_is_not() -> None:
    found = chosen(TRIALS, Costs(wrong=3, question=2, human=4))
    # 0.9: answered, one wrong of ten: 3. 0.5: to answer 15, to ask 6 needless at 2 = 12, a human
    # for nine 36. 0.1: to answer 30, to ask 20, a human 0. Together (3 + 12) / 30.
    assert 0.5 < found.answer_at <= 0.9
    assert 0.1 < found.ask_at <= 0.5
    assert found.cost == 0.5
    assert (found.answered, found.asked, found.handed) == (0.3333, 0.3333, 0.3333)
    assert found.wrong == 0.1


def test_other_costs_give_other_lines() -> None:
    bold = chosen(TRIALS, Costs(wrong=1, question=3, human=9))
    assert bold.answer_at <= 0.5
    shy = chosen(TRIALS, Costs(wrong=100, question=1, human=4))
    assert shy.answer_at > 0.9
    assert shy.answered == 0
    silent = chosen(TRIALS, Costs(wrong=100, question=90, human=0.1))
    assert silent.ask_at > 0.9
    assert silent.handed == 1


def test_what_is_out_of_scope_is_handed_over_however_sure() -> None:
    strange = [Trial(confidence=0.99, right=False, near=False, passed=False)] * 50
    assert chosen(strange, Costs()).handed == 1


def test_a_model_keeps_its_lines_and_says_them_with_every_message() -> None:
    lines = shop_report().caution
    assert lines is not None
    assert 0 < lines.ask_at <= lines.answer_at < 1
    assert shop_reader().model.caution == lines
    read_now = read("var är min order")
    assert (read_now.answer_at, read_now.ask_at) == (lines.answer_at, lines.ask_at)


def test_of_too_few_examples_no_lines_are_chosen() -> None:
    assert not (small_model() / "caution.json").exists()


@pytest.fixture(scope="module")
def golden() -> Path:
    return Path(__file__).parents[2] / "config/nlu/golden.jsonl"


def test_the_report_has_figures_curves_and_places(golden: Path, tmp_path: Path) -> None:
    data = tmp_path / "data.jsonl"
    data.write_text(
        '{"text": "Hej!", "label": "greet"}\n{"text": "hej!", "label": "greet"}\n'
        '{"text": "kläder", "label": "greet"}\n{"text": "klader", "label": "<b>bye"}\n',
        encoding="utf-8",
    )
    full = report(Path(shop_report().folder), golden, data=data)
    assert full.figures.rows == 81
    assert full.caution == shop_report().caution
    assert [one.where for one in full.repeats] == [(f"{data}:1", f"{data}:2")]
    assert [(one.intents, one.where) for one in full.overlaps] == [
        (("<b>bye", "greet"), (f"{data}:4", f"{data}:3"))
    ]
    for curve in (full.calibration, full.coverage, full.roc):
        assert curve
        assert all(0 <= one.x <= 1 and 0 <= one.y <= 1 for one in curve)
        assert [one.x for one in curve] == sorted(one.x for one in curve)
    assert full.roc[-1] == full.roc[-1].model_copy(update={"x": 1.0, "y": 1.0})
    assert sum(count for *_, count in full.confusions) <= 81
    html = page(full)
    assert "&lt;b&gt;bye" in html
    assert "<b>bye" not in html
    assert "<script" not in html
    assert html.count("<svg") == 3
    assert f"{data}:4" in html
    assert "prefers-color-scheme: dark" in html
