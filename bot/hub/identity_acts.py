"""The log of who was found to be who: what each act changed in how sure we are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from bot.hub.card import IdentityAct, LevelChange
from bot.hub.levels import Levels
from bot.model.ids import IdentityId, LinkId
from bot.model.people import ChannelIdentity, Link
from bot.model.record import LinkMade
from bot.model.thread import Entry, Linked, Unlinked


def acts(
    entries: Sequence[Entry], identities: Sequence[ChannelIdentity], levels: Levels
) -> list[IdentityAct]:
    """The entries, newest first as they come, each with the levels before and after it.

    They are all there are about these identities: what came before the first is the channels' own.
    """
    known = {one.id: one for one in identities}
    held: defaultdict[IdentityId, dict[LinkId, LinkMade]] = defaultdict(dict)
    found: list[IdentityAct] = []
    told: set[tuple[str, LinkId]] = set()
    for entry in reversed(entries):
        body = entry.body
        if not isinstance(body, Linked | Unlinked):
            found.append(IdentityAct(entry=entry))
            continue
        # That a link ended is said at both of its ends.
        if (body.kind, body.link) in told:
            continue
        told.add((body.kind, body.link))
        ends = [known[one] for one in (body.one, body.other) if one in known]
        before = [levels.level(one, held[one.id].values()) for one in ends]
        for one in ends:
            if isinstance(body, Linked):
                held[one.id][body.link] = _made(entry, body)
            else:
                held[one.id].pop(body.link, None)
        changes = tuple(
            LevelChange(identity=one.id, before=was, after=levels.level(one, held[one.id].values()))
            for one, was in zip(ends, before, strict=True)
        )
        found.append(IdentityAct(entry=entry, levels=changes))
    return found[::-1]


def _made(entry: Entry, body: Linked) -> LinkMade:
    link = Link(
        id=body.link,
        one=body.one,
        other=body.other,
        proof=body.proof,
        proof_id="",
        at=entry.at,
        by=entry.by,
        reason=body.reason,
    )
    return LinkMade(link=link, seq=entry.seq)
