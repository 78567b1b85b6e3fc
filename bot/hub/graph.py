"""The customer as a graph: identities are joined by the links that hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bot.model.ids import IdentityId, ThreadId
from bot.model.people import ChannelIdentity, Proof
from bot.model.record import LinkMade


def parts(
    identities: Iterable[IdentityId], links: Iterable[LinkMade]
) -> list[frozenset[IdentityId]]:
    """The identities in connected sets; links that ended, or lead elsewhere, join nothing."""
    group: dict[IdentityId, frozenset[IdentityId]] = {one: frozenset((one,)) for one in identities}
    for made in links:
        one, other = made.link.one, made.link.other
        if made.holds and one in group and other in group:
            joined = group[one] | group[other]
            group.update(dict.fromkeys(joined, joined))
    return list(dict.fromkeys(group.values()))


def threads(
    among: Sequence[ChannelIdentity],
    split: Sequence[frozenset[IdentityId]],
    links: Iterable[LinkMade],
    *,
    thread: ThreadId,
) -> dict[ThreadId, frozenset[IdentityId]]:
    """The thread of each part of what was one thread.

    The part that has the identity this thread began with keeps it. Any other has the thread that
    it would have if only the links that still hold had been made, in their order.
    """
    homes = {one.id: one.address.home_thread for one in among}
    roots: dict[IdentityId, IdentityId] = {one: one for one in homes}
    for made in links:
        one, other, keeper = made.link.one, made.link.other, made.link.keeper
        if not made.holds or one not in roots or other not in roots:
            continue
        survivor, gone = roots[keeper], {roots[one], roots[other]}
        roots.update({member: survivor for member, root in roots.items() if root in gone})
    keeping = next((part for part in split if any(homes[one] == thread for one in part)), split[0])
    return {thread if part is keeping else homes[roots[next(iter(part))]]: part for part in split}


def visible_since(
    own: IdentityId, links: Iterable[LinkMade], *, signed: bool
) -> Mapping[IdentityId, int]:
    """For each other identity, the entry number from which on its entries may be shown to `own`.

    A link shows what came after it; everything once it was revealed, or while `own` is signed in
    and the link rests on that (R5, R6, R19). Along several links the strictest counts, of several
    ways the most open.
    """
    edges = sorted(
        (_shown_from(made, signed=signed), made.link.one, made.link.other)
        for made in links
        if made.holds
    )
    group: dict[IdentityId, frozenset[IdentityId]] = {}
    since: dict[IdentityId, int] = {}
    for first, one, other in edges:
        here = group.get(one, frozenset((one,)))
        there = group.get(other, frozenset((other,)))
        joined = here | there
        if here != there and own in joined:
            since.update(dict.fromkeys(there if own in here else here, first))
        group.update(dict.fromkeys(joined, joined))
    return since


def _shown_from(made: LinkMade, *, signed: bool) -> int:
    proven = signed and made.link.proof is Proof.SIGNED
    return 0 if made.revealed or proven else made.seq + 1
