"""Published models: a folder of versions, and a pointer to the one that is live.

`<shelf>/<version>/` is a model, written once; `<shelf>/live.json` names the one in service and
those before it. The pointer is replaced in one step, so whoever reads it sees a whole model.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from pydantic import AwareDatetime, ValidationError

from bot.errors import ConfigError
from bot.model.value import Value
from nlu.pipeline import load_manifest

_POINTER = "live.json"


class Publication(Value):
    """A model that was put in service, and when."""

    version: str
    at: AwareDatetime


class Pointer(Value):
    """What is in service is the last of these; going back takes it off."""

    published: tuple[Publication, ...]


def in_service(folder: Path) -> Path:
    """The model folder that a setting names: itself, or the live one of a folder of versions."""
    if not (folder / _POINTER).is_file():
        return folder
    live = Shelf(folder).live
    return folder if live is None else folder / live


class Shelf:
    """A folder of published models."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def history(self) -> tuple[Publication, ...]:
        """What was put in service, the one in service last; raises ConfigError."""
        file = self.folder / _POINTER
        try:
            return Pointer.model_validate_json(file.read_bytes()).published
        except FileNotFoundError:
            return ()
        except (OSError, ValidationError) as wrong:
            mend = "Remove it, and publish a model anew."
            raise ConfigError("the pointer cannot be read", where=str(file), mend=mend) from wrong

    @property
    def live(self) -> str | None:
        """The version in service, or None."""
        history = self.history
        return history[-1].version if history else None

    @property
    def versions(self) -> tuple[str, ...]:
        """All that are kept, by name."""
        if not self.folder.is_dir():
            return ()
        kept = [one.name for one in self.folder.iterdir() if (one / "model.json").is_file()]
        return tuple(sorted(kept))

    def lines(self) -> list[str]:
        """For a terminal: each model, since when it was in service, and which one is."""
        since = {one.version: one.at for one in self.history}
        live = self.live
        return [
            f"{'*' if version == live else ' '} {version}"
            f"  {since[version].isoformat(timespec='seconds') if version in since else ''}".rstrip()
            for version in sorted(self.versions, key=lambda one: (str(since.get(one, "")), one))
        ]

    def publish(self, model: Path) -> str:
        """Keep a copy of a model and put it in service; returns its version. Raises ConfigError."""
        if (self.folder / "model.json").is_file():
            mend = "Name a folder for published models, for instance var/models."
            raise ConfigError("this is a model itself", where=str(self.folder), mend=mend)
        version = load_manifest(model).version
        self.folder.mkdir(parents=True, exist_ok=True)
        if version not in self.versions:
            with tempfile.TemporaryDirectory(dir=self.folder, prefix=".") as place:
                copy = Path(place) / version
                shutil.copytree(model, copy)
                copy.rename(self.folder / version)
        if version != self.live:
            now = Publication(version=version, at=datetime.now(UTC))
            self._point((*self.history, now))
        return version

    def roll_back(self) -> str:
        """Put the one before in service again; returns its version. Raises ConfigError."""
        kept = set(self.versions)
        before = [one for one in self.history[:-1] if one.version in kept]
        if not before:
            mend = "Publish another one."
            raise ConfigError(
                "there is no model before this one", where=str(self.folder), mend=mend
            )
        self._point(tuple(before))
        return before[-1].version

    def _point(self, published: tuple[Publication, ...]) -> None:
        with tempfile.NamedTemporaryFile("w", dir=self.folder, prefix=".", delete=False) as fresh:
            fresh.write(Pointer(published=published).model_dump_json(indent=1))
            fresh.flush()
            os.fsync(fresh.fileno())
        Path(fresh.name).replace(self.folder / _POINTER)
