"""Two models on the same rows: what got better, what got worse, and whether that can be chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from bot.errors import ConfigError
from bot.model.understanding import Utterance
from bot.model.value import Value
from nlu.data import OUT_OF_SCOPE, PlacedRow, read_rows
from nlu.measure import Judged
from nlu.reader import Reader

_BATCH = 64
_SHOWN = 20


class Changed(Value):
    """A row that one model reads right and the other does not; None is out of scope."""

    text: str
    label: str
    where: str
    before: str | None
    after: str | None

    @property
    def text_line(self) -> str:
        """For a terminal: what it is, and what it was and is taken for."""
        was, now = self.before or "out of scope", self.after or "out of scope"
        return f"{self.text!r} is {self.label}: {was} -> {now}  ({self.where})"


class Comparison(Value):
    """Model B beside model A on one file, by what a customer would get.

    A row is right when its intent is the likeliest and within scope, one labelled `oos` when it is
    out of scope. `p_value` is McNemar's exact test: how likely it is that rows change so unevenly
    by chance alone.
    """

    a: str
    b: str
    file: str
    rows: int
    right_a: int
    right_b: int
    better: tuple[Changed, ...]
    worse: tuple[Changed, ...]
    p_value: float

    def text(self) -> str:
        """For a terminal: the figures, and the rows that changed."""
        lines = [
            f"A {self.a}: {self.right_a} of {self.rows} right",
            f"B {self.b}: {self.right_b} of {self.rows} right",
            f"better {len(self.better)}, worse {len(self.worse)}, p = {self.p_value:.4f}",
        ]
        for name, changed in (("better", self.better), ("worse", self.worse)):
            lines += [f"  {name}: {row.text_line}" for row in changed[:_SHOWN]]
            if len(changed) > _SHOWN:
                lines.append(f"  {name}: {len(changed) - _SHOWN} more")
        return "\n".join(lines)


def judged(reader: Reader, rows: Sequence[PlacedRow]) -> list[Judged]:
    """What a model reads in labelled rows; raises ConfigError for one without a label."""
    for placed in rows:
        if not placed.row.label:
            mend = "Give every row a label, `oos` for none of the intents."
            raise ConfigError("no label", where=placed.where, mend=mend)
    texts = [Utterance(text=placed.row.text) for placed in rows]
    read = reader.in_batches(texts, _BATCH)
    return [
        Judged(label=placed.row.label or "", read=one)
        for placed, one in zip(rows, read, strict=True)
    ]


def compare(a: Path, b: Path, file: Path, *, use_vectors: bool = True) -> Comparison:
    """Compare two models on a .jsonl file; raises ConfigError."""
    rows = list(read_rows(file))
    if not rows:
        raise ConfigError("no rows", where=str(file), mend="Write rows with text and label.")
    readers = [Reader.load(folder, use_vectors=use_vectors) for folder in (a, b)]
    before, after = (judged(reader, rows) for reader in readers)
    better: list[Changed] = []
    worse: list[Changed] = []
    for placed, one, other in zip(rows, before, after, strict=True):
        if is_right(one) == is_right(other):
            continue
        (better if is_right(other) else worse).append(
            Changed(
                text=placed.row.text,
                label=one.label,
                where=placed.where,
                before=one.read.intent,
                after=other.read.intent,
            )
        )
    return Comparison(
        a=readers[0].model.version,
        b=readers[1].model.version,
        file=str(file),
        rows=len(rows),
        right_a=sum(map(is_right, before)),
        right_b=sum(map(is_right, after)),
        better=tuple(better),
        worse=tuple(worse),
        p_value=round(mcnemar(len(better), len(worse)), 6),
    )


def is_right(row: Judged) -> bool:
    """Whether a customer would be taken for what they are."""
    wanted = None if row.label == OUT_OF_SCOPE else row.label
    return row.read.intent == wanted


def mcnemar(better: int, worse: int) -> float:
    """The exact two-sided p-value that so many changed to either side by a fair coin."""
    changed = better + worse
    tail = sum(math.comb(changed, one) for one in range(min(better, worse) + 1))
    return min(1.0, tail / float(2 ** (changed - 1))) if changed else 1.0
