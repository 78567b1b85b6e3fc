"""`samtal new-channel`: a folder that works and passes the contract, to be made into a channel."""

from __future__ import annotations

import keyword
import re
import shutil
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from bot.errors import ConfigError
from bot.model.channel import LOGIN

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_LONGEST: Final = 40
_TEMPLATES: Final = Path(__file__).parent / "new_channel"
_SUFFIX: Final = ".tmpl"
_WORK_IN: Final = "Work in a clone of the source that you may write to."


def new_channel(name: str, *, root: Path | None = None) -> list[Path]:
    """Write the folder of a new channel below `root`, and nothing else; returns its files.

    Without `root` it is where the channels are. Raises ConfigError for a name that cannot be or is
    taken, and where nothing can be written; then nothing is.
    """
    if not _NAME.fullmatch(name) or len(name) > _LONGEST or keyword.iskeyword(name):
        raise ConfigError(
            "no good channel name",
            where=name,
            mend="Use a-z and 0-9 in words joined by _, at most 40 letters: acme_chat.",
        )
    if name == LOGIN:
        # Identities there are the business's own customers, as its tokens show them.
        raise ConfigError("the name is kept for log-ins", where=name, mend="Take another name.")
    folder = (root or _channels()) / name
    if folder.exists() or (root is None and find_spec(f"channels.{name}") is not None):
        raise ConfigError("there is such a channel", where=str(folder), mend="Take another name.")
    try:
        folder.mkdir()
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        return [_write(template, folder, name) for template in sorted(_TEMPLATES.iterdir())]
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise _unwritable(folder, error) from error


def _channels() -> Path:
    """The folder of all channels, in a source tree: what is installed is no place to work in."""
    folder = Path(import_module("channels").__path__[0])
    if not (folder.parent / "pyproject.toml").is_file():
        raise ConfigError("is installed, no source", where=str(folder), mend=_WORK_IN)
    return folder


def _unwritable(folder: Path, error: OSError) -> ConfigError:
    return ConfigError(f"cannot be written: {error.strerror}", where=str(folder), mend=_WORK_IN)


def _write(template: Path, folder: Path, name: str) -> Path:
    title = name.replace("_", " ").title()
    text = template.read_text("utf-8").replace("@name@", name).replace("@title@", title)
    made = folder / template.name.removesuffix(_SUFFIX)
    made.write_text(text, "utf-8")
    return made
