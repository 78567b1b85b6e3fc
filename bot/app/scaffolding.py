"""`samtal new-channel`: a folder that works and passes the contract, to be made into a channel."""

from __future__ import annotations

import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from bot.errors import ConfigError

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_LONGEST: Final = 40
_TEMPLATES: Final = Path(__file__).parent / "new_channel"
_SUFFIX: Final = ".tmpl"


def new_channel(name: str, *, root: Path | None = None) -> list[Path]:
    """Write the folder of a new channel below `root`, and nothing else; returns its files.

    Without `root` it is where the channels are. Raises ConfigError for a name that cannot be or is
    taken, and where nothing can be written; then nothing is.
    """
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise ConfigError(
            "no good channel name",
            where=name,
            mend="Use a-z and 0-9 in words joined by _, at most 40 letters: acme_chat.",
        )
    folder = (root or Path(import_module("channels").__path__[0])) / name
    if folder.exists() or (root is None and find_spec(f"channels.{name}") is not None):
        raise ConfigError("there is such a channel", where=str(folder), mend="Take another name.")
    try:
        folder.mkdir()
        return [_write(template, folder, name) for template in sorted(_TEMPLATES.iterdir())]
    except OSError as error:
        raise ConfigError(
            f"cannot be written: {error.strerror}",
            where=str(folder),
            mend="Work in a clone of the source that you may write to.",
        ) from error


def _write(template: Path, folder: Path, name: str) -> Path:
    title = name.replace("_", " ").title()
    text = template.read_text("utf-8").replace("@name@", name).replace("@title@", title)
    made = folder / template.name.removesuffix(_SUFFIX)
    made.write_text(text, "utf-8")
    return made
