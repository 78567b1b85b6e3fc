"""What the components of the pipeline write on a text, and the form they have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from spacy.tokens import Doc
from typing_extensions import override

from bot.model.understanding import EntityFound, Guess, Language, Need, Quote, StageShare
from nlu.arrays import Floats
from nlu.settings import NluSettings


@dataclass(slots=True)
class Reading:
    """Notes on one text; each component fills in its part."""

    text: str = ""
    thread_language: Language | None = None
    language: Language | None = None
    language_confidence: float = 0.0
    probabilities: Floats | None = None
    guesses: tuple[Guess, ...] = ()
    scope: float = 0.0
    in_scope: bool = False
    stages: tuple[StageShare, ...] = ()
    need: Need | None = None
    entities: tuple[EntityFound, ...] = ()
    frustration: float = 0.0
    human_wanted: float = 0.0
    quotes: tuple[Quote, ...] = ()
    urgency: float = 0.0
    sentiment: float = 0.0

    def confidence_in(self, intents: Iterable[str]) -> float:
        """The summed confidence in these intents, 0 when the text is out of scope."""
        if not self.in_scope:
            return 0.0
        wanted = set(intents)
        return sum(guess.confidence for guess in self.guesses if guess.intent in wanted)


_KEY = "samtal.reading"


def reading_of(doc: Doc) -> Reading:
    """The notes on a text (`doc._.reading`), made on first use."""
    found = doc.user_data.get(_KEY)
    return found if isinstance(found, Reading) else begin(doc, Reading(text=doc.text))


def begin(doc: Doc, reading: Reading) -> Reading:
    """Put fresh notes on a text."""
    doc.user_data[_KEY] = reading
    return reading


Doc.set_extension("reading", getter=reading_of, force=True)


class Component(ABC):
    """A part of the pipeline: reads texts in batches, is kept in a folder of its own."""

    @abstractmethod
    def read(self, docs: Sequence[Doc]) -> None:
        """Write this component's part into the notes of each text."""

    @abstractmethod
    def to_disk(self, path: Path | str, *, exclude: Iterable[str] = ()) -> None:
        """Write what was learnt or set into a new folder."""

    @abstractmethod
    def from_disk(self, path: Path | str, *, exclude: Iterable[str] = ()) -> Component:
        """Take what `to_disk` wrote."""

    def __call__(self, doc: Doc) -> Doc:
        """Read one text."""
        self.read([doc])
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 64) -> Iterator[Doc]:
        """Read a stream, a batch at a time."""
        waiting: list[Doc] = []
        for doc in stream:
            waiting.append(doc)
            if len(waiting) >= batch_size:
                self.read(waiting)
                yield from waiting
                waiting = []
        if waiting:
            self.read(waiting)
            yield from waiting


class Configured(Component):
    """A part that learns nothing: what a person wrote in the settings is all it keeps."""

    _settings: NluSettings

    @abstractmethod
    def set(self, settings: NluSettings) -> None:
        """Go by these settings from now on."""

    @override
    def to_disk(self, path: Path | str, *, exclude: Iterable[str] = ()) -> None:
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "settings.json").write_text(
            self._settings.model_dump_json(indent=1), encoding="utf-8"
        )

    @override
    def from_disk(self, path: Path | str, *, exclude: Iterable[str] = ()) -> Self:
        raw = (Path(path) / "settings.json").read_bytes()
        self.set(NluSettings.model_validate_json(raw))
        return self
