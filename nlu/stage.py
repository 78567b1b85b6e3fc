"""What a message says about the journey: each intent's stage row, weighed by its probability."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

import numpy as np
from spacy.language import Language as Pipeline
from spacy.tokens import Doc
from typing_extensions import override

from bot.model.understanding import StageShare
from nlu.arrays import Floats
from nlu.reading import Component, reading_of
from nlu.settings import STAGES


class StageReader(Component):
    """Sums the intents' probabilities by stage.

    Intents without a row, and texts without words, say nothing: an even share for every stage.
    """

    def __init__(self) -> None:
        self.set(STAGES, ())

    def set(self, stages: Sequence[str], rows: Sequence[Sequence[float]]) -> None:
        """The stages in order, and for each intent its shares (or none)."""
        self._stages = tuple(stages)
        even = [1 / len(stages)] * len(stages)
        self._rows: Floats = np.array([list(row) or even for row in rows], dtype=np.float32)
        self._even = tuple(
            StageShare(stage=stage, share=share) for stage, share in zip(stages, even, strict=True)
        )

    @override
    def read(self, docs: Sequence[Doc]) -> None:
        for doc in docs:
            reading = reading_of(doc)
            if reading.probabilities is None:
                reading.stages = self._even
                continue
            shares = (reading.probabilities @ self._rows).tolist()
            reading.stages = tuple(
                StageShare(stage=stage, share=share)
                for stage, share in zip(self._stages, shares, strict=True)
            )

    @override
    def to_disk(self, path: Path | str, *, exclude: Iterable[str] = ()) -> None:
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        content = {"stages": self._stages, "rows": [row.tolist() for row in self._rows]}
        (folder / "stages.json").write_text(json.dumps(content), encoding="utf-8")

    @override
    def from_disk(self, path: Path | str, *, exclude: Iterable[str] = ()) -> Self:
        content = json.loads((Path(path) / "stages.json").read_text(encoding="utf-8"))
        self.set(content["stages"], content["rows"])
        return self


@Pipeline.factory("samtal_stage")
def _make(nlp: Pipeline, name: str) -> StageReader:  # noqa: ARG001 - spaCy passes both by name
    return StageReader()
