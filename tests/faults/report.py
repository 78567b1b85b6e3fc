"""A run's outcome as text and as JSON."""

from __future__ import annotations

import json
import statistics
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.crash.checker import count, late_sends
from tests.faults.ordeal import Outcome
from tests.faults.plan import Plan

_SHOWN = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """After the faults of one kind: seconds from their end to the next message accepted, answered.

    Of an edge's fault: accepted by that edge.
    """

    kind: str
    faults: int
    accepted_median: float
    accepted_longest: float
    answered_median: float
    answered_longest: float


def recoveries(outcome: Outcome) -> list[Recovery]:
    """How quickly it went on after the faults of each kind."""
    facts = outcome.history.facts
    accepted = sorted((one.accepted_at, one.edge) for one in facts.posted if one.accepted_at)
    everywhere = [at for at, _ in accepted]
    by_edge = {
        edge: [at for at, where in accepted if where == edge] for edge in {e for _, e in accepted}
    }
    answered = [call.at for call in facts.calls]
    rows = []
    for kind in sorted({_kind(one.kind, one.target) for one in outcome.faults}):
        faults = [one for one in outcome.faults if _kind(one.kind, one.target) == kind]
        takes = [_next(by_edge.get(one.target, everywhere), one.ended) for one in faults]
        answers = [_next(answered, one.ended) for one in faults]
        rows.append(
            Recovery(
                kind=kind,
                faults=len(faults),
                accepted_median=round(statistics.median(takes), 2),
                accepted_longest=round(max(takes), 2),
                answered_median=round(statistics.median(answers), 2),
                answered_longest=round(max(answers), 2),
            )
        )
    return rows


def as_text(plan: Plan, outcome: Outcome) -> str:
    """The result for eyes."""
    history = outcome.history
    acts = Counter(f"{act.what} {act.how}" for act in history.acts)
    told_twice = sum(view.told_twice for view in history.views)
    connects = sum(view.connects for view in history.views)
    load = f"tries without a 2xx {outcome.retries}, repeats after a 2xx {outcome.repeats}"
    lines = [
        f"{len(outcome.faults)} faults in {plan.seconds:.0f} s, seed {plan.seed}"
        + ("" if outcome.can_cut else " (on the loopback: no cuts, no full disks)"),
        count(history.facts).line(),
        f"{load}, senders moved {outcome.moves}, refused by the provider {outcome.refused}",
        f"unknown sends that left out of their turn {late_sends(history.facts)}",
        f"ended by themselves: {_listed(outcome.ended) or 'none'}",
        f"agents: {_listed(acts)}",
        f"browsers: {len(history.views)}, connections {connects}, told twice {told_twice}",
        f"to rest {outcome.calm_seconds:.0f} s, in all {outcome.took_seconds:.0f} s",
        f"logged as errors: {_listed(outcome.logged) or 'nothing'}",
        "",
        f"{'fault':24} {'n':>4}   next accepted (s)   next answered (s)   (median, longest)",
    ]
    lines += [
        f"{row.kind:24} {row.faults:4}   {row.accepted_median:7.2f} {row.accepted_longest:8.2f}"
        f"   {row.answered_median:9.2f} {row.answered_longest:8.2f}"
        for row in recoveries(outcome)
    ]
    if not outcome.problems:
        return "\n".join([*lines, "", "0 lost, 0 doubled, 0 reordered"])
    lines += ["", f"{len(outcome.problems)} PROBLEMS:", *outcome.problems[:_SHOWN]]
    return "\n".join(lines)


def as_json(plan: Plan, outcome: Outcome) -> str:
    """The result for machines."""
    history = outcome.history
    settings = {
        key: value for key, value in asdict(plan).items() if not isinstance(value, Path | None)
    }
    return json.dumps(
        {
            "plan": settings,
            "counts": asdict(count(history.facts)),
            "faults": dict(Counter(f"{one.kind} {one.target}" for one in outcome.faults)),
            "fault_list": [asdict(one) for one in outcome.faults],
            "retries": outcome.retries,
            "repeats": outcome.repeats,
            "moves": outcome.moves,
            "refused_by_provider": outcome.refused,
            "late_unknown": late_sends(history.facts),
            "ended_by_themselves": outcome.ended,
            "agents": dict(Counter(f"{act.what} {act.how}" for act in history.acts)),
            "browsers": len(history.views),
            "told_twice": sum(view.told_twice for view in history.views),
            "statuses": outcome.statuses,
            "recoveries": [asdict(row) for row in recoveries(outcome)],
            "logged_errors": outcome.logged,
            "calm_seconds": round(outcome.calm_seconds, 1),
            "took_seconds": round(outcome.took_seconds, 1),
            "can_cut": outcome.can_cut,
            "problems": outcome.problems,
        },
        ensure_ascii=False,
    )


def _kind(kind: str, target: str) -> str:
    return f"{kind} {target.rstrip('0123456789')}"


def _next(moments: Sequence[float], since: float) -> float:
    """Seconds until the first moment after this one; 0 when there was none left."""
    place = bisect_left(moments, since)
    return moments[place] - since if place < len(moments) else 0.0


def _listed(counts: Counter[str] | dict[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(counts.items()))
