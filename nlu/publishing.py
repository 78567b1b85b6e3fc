"""A model into service, if it reads the golden set no worse than the one that is live."""

from __future__ import annotations

from pathlib import Path

from bot.errors import ConfigError
from bot.model.value import Value
from nlu.comparing import Comparison, compare
from nlu.shelf import Shelf


class Published(Value):
    """What was put in service, what was before, and how they compare; None without a golden set."""

    version: str
    before: str | None
    comparison: Comparison | None

    def text(self) -> str:
        """For a terminal."""
        told = f"in service: {self.version} (before: {self.before or 'none'})"
        return told if self.comparison is None else f"{self.comparison.text()}\n{told}"


def publish(
    model: Path, shelf: Path, *, golden: Path | None, force: bool = False, use_vectors: bool = True
) -> Published:
    """Put a model in service; raises ConfigError when it is worse on the golden set, unless forced.

    Worse is fewer rows right. The first model of a shelf has nothing to be worse than.
    """
    place = Shelf(shelf)
    before = place.live
    comparison = None
    if golden is not None and before is not None:
        comparison = compare(shelf / before, model, golden, use_vectors=use_vectors)
        if comparison.right_b < comparison.right_a and not force:
            worse = "; ".join(f"{row.text!r} ({row.label})" for row in comparison.worse[:5])
            raise ConfigError(
                f"worse than the live model on {golden}: {comparison.right_b} right, "
                f"{comparison.right_a} before, such as {worse}",
                where=str(model),
                mend="Mend the examples and train anew, or publish with --force.",
            )
    return Published(version=place.publish(model), before=before, comparison=comparison)
