"""A report as one page: tables and drawings, in the light and in the dark, without scripts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from nlu.report import FullReport, Point

_SIZE: Final = 260
_EDGE: Final = 34
_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1d2125; --soft: #5b646c; --line: #c9d0d6; --page: #fff;
 --first: #0a5fb4; --second: #b4490a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7eaed; --soft: #a3adb6; --line: #414a52;
 --page: #16191c; --first: #7db8f5; --second: #f5a97d; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
 color: var(--ink); background: var(--page); }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; }
caption { text-align: left; font-weight: 600; padding: .25rem 0; }
th, td { border-bottom: 1px solid var(--line); padding: .2rem .8rem .2rem 0; text-align: left;
 vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
.soft, figcaption { color: var(--soft); }
.drawings { display: flex; flex-wrap: wrap; gap: 1.5rem; }
figure { margin: 0; }
svg text { fill: var(--soft); font-size: 11px; }
svg .axis { stroke: var(--line); fill: none; }
svg .even { stroke: var(--soft); stroke-dasharray: 4 4; fill: none; }
svg .curve { stroke: var(--first); stroke-width: 2; fill: none; }
svg .dot { fill: var(--second); }
"""


def page(report: FullReport) -> str:
    """The whole report as HTML."""
    figures = report.figures
    parts = [
        f"<h1>Model {escape(figures.model)}</h1>",
        f'<p class="soft">{escape(figures.file)}: {figures.in_scope} rows within scope</p>',
        _summary(report),
        '<div class="drawings">',
        _drawing(
            "Is 80 % sure right in 80 %?",
            "confidence",
            "share right",
            report.calibration,
            even=True,
            dots=True,
        ),
        _drawing(
            "How many can be answered, and how well",
            "share answered",
            "share right",
            report.coverage,
        ),
        _drawing(
            "Strange texts told apart",
            "known texts refused",
            "strange texts refused",
            report.roc,
            even=True,
        ),
        "</div>",
        _table("Taken for another", ("is", "was read as", "rows"), report.confusions),
        _table(
            "Intents, the weakest first",
            ("intent", "rows", "precision", "recall", "F1"),
            (
                (one.intent, one.rows, one.precision, one.recall, one.f1)
                for one in sorted(figures.intents, key=lambda one: (one.f1, one.intent))
            ),
        ),
        _table(
            "The same text under several intents",
            ("text", "intents", "where"),
            ((one.text, ", ".join(one.intents), ", ".join(one.where)) for one in report.overlaps),
        ),
        _table(
            "Examples that stand there twice",
            ("text", "intent", "where"),
            ((one.text, ", ".join(one.intents), ", ".join(one.where)) for one in report.repeats),
        ),
    ]
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Model {escape(figures.model)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def _summary(report: FullReport) -> str:
    figures, caution = report.figures, report.caution
    rows: list[tuple[str, object]] = [
        ("accuracy, no threshold", figures.accuracy),
        ("macro F1", figures.macro_f1),
        ("within scope and right", figures.accuracy_accepted),
        ("calibration error", figures.calibration_error),
    ]
    if figures.out_of_scope_recall is not None:
        rows += [
            ("strange texts refused", figures.out_of_scope_recall),
            ("AUROC, strange against known", figures.out_of_scope_auroc),
        ]
    if caution is not None:
        rows += [
            ("answers from a confidence of", caution.answer_at),
            ("asks back from", caution.ask_at),
            ("expected cost of a message", caution.cost),
        ]
    return _table("In short", ("", ""), rows)


def _table(caption: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    filled = [tuple(row) for row in rows]
    if not filled:
        return ""
    first = "".join(f'<th scope="col">{escape(name)}</th>' for name in head) if any(head) else ""
    lines = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in filled)
    return (
        f"<table><caption>{escape(caption)}</caption><thead><tr>{first}</tr></thead>"
        f"<tbody>{lines}</tbody></table>"
    )


def _cell(what: object) -> str:
    if isinstance(what, float):
        return f'<td class="n">{what:.3f}</td>'
    if isinstance(what, int):
        return f'<td class="n">{what}</td>'
    return f"<td>{escape(str(what))}</td>"


def _drawing(  # noqa: PLR0913 - what a drawing has
    title: str,
    across: str,
    up: str,
    points: Sequence[Point],
    *,
    even: bool = False,
    dots: bool = False,
) -> str:
    if not points:
        return ""
    places = [(_x(one.x), _y(one.y)) for one in points]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    marks = "".join(f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in places)
    diagonal = f'<path class="even" d="M{_x(0)} {_y(0)}L{_x(1)} {_y(1)}"/>' if even else ""
    told = ", ".join(f"{one.x:.2f}: {one.y:.2f}" for one in points[:: max(1, len(points) // 8)])
    return (
        f'<figure><svg width="{_SIZE}" height="{_SIZE}" role="img" aria-label="{escape(title)}. '
        f'{escape(told)}"><path class="axis" d="M{_x(0)} {_y(1)}V{_y(0)}H{_x(1)}"/>{diagonal}'
        f'<polyline class="curve" points="{line}"/>{marks if dots else ""}'
        f'<text x="{_x(0)}" y="{_SIZE - 4}">0</text><text x="{_x(1) - 8}" y="{_SIZE - 4}">1</text>'
        f'<text x="{_x(0.5)}" y="{_SIZE - 4}" text-anchor="middle">{escape(across)}</text>'
        f'<text x="{_EDGE - 14}" y="{_y(1) + 4}">1</text>'
        f'<text transform="translate(12 {_y(0.5)}) rotate(-90)" text-anchor="middle">{escape(up)}'
        f"</text></svg><figcaption>{escape(title)}</figcaption></figure>"
    )


def _x(share: float) -> float:
    return _EDGE + share * (_SIZE - 1.5 * _EDGE)


def _y(share: float) -> float:
    return _SIZE - _EDGE - share * (_SIZE - 1.5 * _EDGE)
