"""Reading corpus files: JSON of the schema `channel-corpus/1`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

SCHEMA = "channel-corpus/1"
KINDS = ("incoming", "outgoing", "signature", "segment", "sequence")
LEVELS = ("core", "extended")

Json = dict[str, Any]


class BadCorpus(Exception):
    """A path or file that is no corpus; the message says which and why."""


@dataclass(frozen=True)
class Case:
    """One case; `data` is the whole of it as read."""

    id: str
    kind: str
    channel: str
    level: str
    data: Json = field(repr=False)

    @property
    def config(self) -> Json:
        return dict(self.data.get("config") or {})

    @property
    def expect(self) -> Json:
        return dict(self.data["expect"])


@dataclass(frozen=True)
class Outcome:
    """How a case went: `problems` empty means passed; `skipped` says why it could not run."""

    case: Case
    problems: tuple[str, ...] = ()
    skipped: str | None = None


def load(paths: Iterable[Path]) -> list[Case]:
    """All cases of these files and folders; raises BadCorpus."""
    files = [file for path in paths for file in _files(path)]
    found = [case for file in files for case in _cases(file)]
    seen: set[str] = set()
    for case in found:
        if case.id in seen:
            raise BadCorpus(f"the id {case.id!r} is there twice; give each file once")
        seen.add(case.id)
    return found


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        files = sorted(path.glob("*.json"))
        if not files:
            raise BadCorpus(f"{path}: the folder has no *.json; name the folder of the corpus")
        return files
    if not path.is_file():
        raise BadCorpus(f"{path}: no such file or folder")
    return [path]


def _cases(file: Path) -> Iterator[Case]:
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadCorpus(f"{file}: not readable as JSON: {error}") from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise BadCorpus(f'{file}: not a corpus file, "schema" must be "{SCHEMA}"')
    for number, data in enumerate(document.get("cases") or []):
        missing = [key for key in ("id", "kind", "channel", "level") if not data.get(key)]
        if missing or data["kind"] not in KINDS or data["level"] not in LEVELS:
            raise BadCorpus(
                f"{file}: case {number} ({data.get('id')}) lacks {missing}, or its kind or level "
                "is unknown"
            )
        yield Case(data["id"], data["kind"], data["channel"], data["level"], data)
