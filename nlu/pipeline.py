"""The spaCy pipeline that a model is: how it is put together, kept in a folder and loaded.

A model folder is what `Language.to_disk` writes and a `model.json` with the model's version: a
hash over every other file.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Self, TypeVar

import spacy
from pydantic import ValidationError
from spacy.language import BaseDefaults, Language
from spacy.strings import StringStore
from spacy.util import registry

from bot.errors import ConfigError
from bot.model.value import Value
from nlu.data import Corpus
from nlu.encoder import load_encoder
from nlu.entities import EntityReader
from nlu.fit import Fitted
from nlu.intent import IntentReader
from nlu.language import LanguageReader
from nlu.mood import MoodReader
from nlu.quotes import QuoteReader
from nlu.stage import StageReader
from nlu.text import fold

Part = TypeVar("Part")
_FORMAT = 3
_MANIFEST = "model.json"
_CAUTION = "caution.json"
_MEND = "Train it anew with `samtal nlu train`."
_COMPONENTS = ("language", "intent", "stage", "entities", "mood", "quotes")


class _Defaults(BaseDefaults):
    # Phrases match on NORM: in any case, with or without diacritics.
    lex_attr_getters: dict[int, Callable[[str], object]] = {StringStore()["NORM"]: fold}  # noqa: RUF012 - as spaCy declares it


@registry.languages("samtal")
class SamtalLanguage(Language):  # type: ignore[no-untyped-call]  # spaCy's __init_subclass__
    """Swedish and English mixed: plain tokens, folded norms."""

    lang = "samtal"
    Defaults = _Defaults


class Manifest(Value):
    """What a model folder says of itself."""

    format: int
    version: str
    encoder: str | None = None


class Caution(Value):
    """The two lines, and what came of them on texts held out of training.

    `cost` is the mean of a message; `answered`, `asked` and `handed` are shares of the messages,
    `wrong` the share of answers that were wrong.
    """

    answer_at: float
    ask_at: float
    cost: float
    answered: float
    asked: float
    handed: float
    wrong: float


class Model:
    """A pipeline with its components by name; `version` is empty until it is kept.

    `caution` is None when there was too little to choose it on.
    """

    def __init__(self, nlp: Language, *, version: str = "") -> None:
        self.nlp = nlp
        self.caution: Caution | None = None
        self.version = version
        self.language = _part(nlp, "language", LanguageReader)
        self.intent = _part(nlp, "intent", IntentReader)
        self.stage = _part(nlp, "stage", StageReader)
        self.entities = _part(nlp, "entities", EntityReader)
        self.mood = _part(nlp, "mood", MoodReader)
        self.quotes = _part(nlp, "quotes", QuoteReader)

    @classmethod
    def blank(cls, *, use_vectors: bool = True) -> Self:
        """An untrained pipeline."""
        nlp = spacy.blank("samtal")
        for name in _COMPONENTS:
            config = {"use_vectors": use_vectors} if name == "intent" else {}
            nlp.add_pipe(f"samtal_{name}", name=name, config=config)
        return cls(nlp)

    def adopt(self, corpus: Corpus, fitted: Fitted) -> None:
        """Take over what was learnt and what the settings say."""
        self.intent.adopt(fitted, corpus.intents)
        self.stage.set(corpus.settings.stages, [intent.stage for intent in corpus.intents])
        self.entities.set(corpus.settings)
        self.mood.set(corpus.settings)
        self.quotes.set(corpus.settings)

    def keep(self, out: Path, *, encoder: Path | None = None) -> str:
        """Write the model to a folder in one step and return its version.

        `encoder` is where the encoder lies that it was trained with.

        The folder is written beside its place and moved there whole; a model that was there
        before is replaced.
        """
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as place:
            new, old = Path(place) / "new", Path(place) / "old"
            self.nlp.to_disk(new)
            # Words met in training are no part of the model.
            shutil.rmtree(new / "vocab")
            if self.caution is not None:
                (new / _CAUTION).write_text(self.caution.model_dump_json(indent=1), "utf-8")
            version = content_hash(new)
            place_of = str(encoder.resolve()) if encoder else None
            manifest = Manifest(format=_FORMAT, version=version, encoder=place_of)
            (new / _MANIFEST).write_text(manifest.model_dump_json(), encoding="utf-8")
            if out.exists():
                out.rename(old)
            new.rename(out)
        self.version = version
        return version


def _part(nlp: Language, name: str, kind: type[Part]) -> Part:
    part = nlp.get_pipe(name)
    if not isinstance(part, kind):
        raise TypeError(f"the component {name} is no {kind.__name__}")
    return part


def content_hash(folder: Path) -> str:
    """A hash over the names and bytes of all files but the manifest, 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.name != _MANIFEST:
            raw = file.read_bytes()
            name = file.relative_to(folder).as_posix()
            digest.update(f"{len(name)}:{name}{len(raw)}:".encode())
            digest.update(raw)
    return digest.hexdigest()[:16]


def load_manifest(folder: Path) -> Manifest:
    """What a model says of itself; raises ConfigError when it is missing or of another format."""
    try:
        manifest = Manifest.model_validate_json((folder / _MANIFEST).read_bytes())
    except (OSError, ValidationError) as wrong:
        raise ConfigError("no model here", where=str(folder), mend=_MEND) from wrong
    if manifest.format != _FORMAT:
        raise ConfigError(f"model format {manifest.format}", where=str(folder), mend=_MEND)
    return manifest


def load_model(folder: Path, *, use_vectors: bool = True, encoder: Path | None = None) -> Model:
    """Load a model folder; raises ConfigError when it is missing, damaged or of another format.

    The encoder is looked for where it lay in training, unless another place is named.
    """
    manifest = load_manifest(folder)
    if content_hash(folder) != manifest.version:
        raise ConfigError("the model's files were changed", where=str(folder), mend=_MEND)
    model = Model.blank(use_vectors=use_vectors)
    if use_vectors and manifest.encoder:
        place = encoder or Path(manifest.encoder)
        model.intent.use(load_encoder(place) if encoder or place.is_dir() else None)
    model.nlp.from_disk(folder, exclude=["vocab"])
    if (folder / _CAUTION).is_file():
        model.caution = Caution.model_validate_json((folder / _CAUTION).read_bytes())
    model.version = manifest.version
    return model
