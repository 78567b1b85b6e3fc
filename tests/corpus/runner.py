"""Running cases and telling how they went."""

from __future__ import annotations

import asyncio
import json
import tempfile
import traceback
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from tests.corpus import adapters, incoming, outgoing, sequences, vectors
from tests.corpus.cases import LEVELS, Case, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tests.corpus.hub_under_test import MakeHub

_RUN: dict[str, Callable[[Case], list[str]]] = {
    "incoming": incoming.run,
    "outgoing": outgoing.run,
    "signature": vectors.signature,
    "segment": vectors.segment,
}


def run(case: Case, make_hub: MakeHub | None = None) -> Outcome:
    """Run one case; an exception is a problem like any other.

    Sequences run on hubs that `make_hub` makes; without it on SQLite.
    """
    why = cannot_run(case)
    if why is not None:
        return Outcome(case, skipped=why)
    try:
        if case.kind == "sequence":
            return sequence(case, make_hub)
        return Outcome(case, tuple(_RUN[case.kind](case)))
    except Exception as error:  # noqa: BLE001  # the runner's outermost loop: a case may not end it
        place = traceback.extract_tb(error.__traceback__)[-1]
        said = f"{type(error).__name__}: {error} ({place.name}, line {place.lineno})"
        return Outcome(case, (said.replace("\n", " ")[:500],))


def sequence(case: Case, make_hub: MakeHub | None = None) -> Outcome:
    """Play a sequence on a hub of its own."""
    # Loaded for sequences alone: all other cases run without a hub.
    from tests.corpus import our_hub  # noqa: PLC0415 - loaded only where it is needed

    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(sequences.run(case, make_hub or our_hub.make_hub, Path(folder)))


def cannot_run(case: Case) -> str | None:
    """Why a case is no business of ours, or None."""
    match case.kind:
        case "segment" | "sequence":
            return None
        case "signature":
            scheme = case.data["scheme"]
            return None if scheme in vectors.SCHEMES else f"no channel with the scheme {scheme}"
        case _:
            return None if adapters.exists(case.channel) else f"no channel {case.channel}"


def report(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """One line for each failed case, then what was skipped, then a sum for each level."""
    for outcome in outcomes:
        if outcome.problems:
            case = outcome.case
            yield f"FAIL {case.level} {case.id}: {'; '.join(outcome.problems)}"
    for why, number in Counter(o.skipped for o in outcomes if o.skipped).most_common():
        yield f"skipped {number}: {why}"
    for level, (passed, failed) in sums(outcomes).items():
        yield f"{level}: {passed} passed, {failed} failed"


def sums(outcomes: Iterable[Outcome]) -> dict[str, tuple[int, int]]:
    """Passed and failed cases of each level."""
    ran = [outcome for outcome in outcomes if outcome.skipped is None]
    return {
        level: (
            sum(1 for o in ran if o.case.level == level and not o.problems),
            sum(1 for o in ran if o.case.level == level and o.problems),
        )
        for level in LEVELS
    }


def as_json(outcomes: Sequence[Outcome]) -> str:
    """The same for machines."""
    document = {
        "levels": {
            level: {"passed": passed, "failed": failed}
            for level, (passed, failed) in sums(outcomes).items()
        },
        "failed": [
            {"id": o.case.id, "level": o.case.level, "why": list(o.problems)}
            for o in outcomes
            if o.problems
        ],
        "skipped": [{"id": o.case.id, "why": o.skipped} for o in outcomes if o.skipped],
    }
    return json.dumps(document, ensure_ascii=False, indent=2)
