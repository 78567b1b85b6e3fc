"""Facts: what other systems tell of customers, and what is known of one."""

from __future__ import annotations

from bot.edge.api.fact_shapes import (
    FactBatch,
    FactList,
    FactResults,
    FactsWanted,
    OneHeldFact,
    Profile,
    Quarantine,
    QuarantineWanted,
)
from bot.edge.api.route import Ask, operation
from bot.edge.api.shapes import OneThread
from bot.edge.api.threads import AT_THE_DESK
from bot.hub.facts import FactResult
from bot.model.ids import IdentityId, ThreadId
from bot.model.people import Role

_TELLERS = frozenset({Role.INTEGRATION, Role.ADMIN})
_HELD = "/facts/quarantine/{held}"


@operation("POST", "/facts", summary="Tell facts", tag="facts", roles=_TELLERS)
async def tell_facts(ask: Ask, body: FactBatch) -> FactResults:
    """Up to 1,000 facts, each once by its `source` and `id`: telling them again changes nothing.

    Each is judged for itself. `taken`: it is kept. `known`: it was kept before. `held`: its kind,
    version or a field is not known here; it waits in quarantine, as it came. `refused`: it is
    wrong, and `wrong` says where and how to mend it; nothing is kept of it.
    """
    return FactResults(results=tuple(await ask.parts.facts.take(body.facts)))


@operation("GET", "/facts/quarantine", summary="The quarantine", tag="facts", roles=_TELLERS)
async def list_quarantine(ask: Ask, query: QuarantineWanted) -> Quarantine:
    """What was told in a shape that is not known here, the oldest first."""
    page = await ask.parts.facts.quarantine(after=query.after, limit=query.limit)
    return Quarantine.of(page)


@operation(
    "POST",
    f"{_HELD}/retry",
    summary="Read again what is in quarantine",
    tag="facts",
    roles=_TELLERS,
    errors=(404,),
)
async def retry_fact(ask: Ask, path: OneHeldFact) -> FactResult:
    """When it is taken now it leaves the quarantine; else it stays, and `wrong` says why."""
    return await ask.parts.facts.retry(path.held)


@operation(
    "DELETE",
    _HELD,
    summary="Discard what is in quarantine",
    tag="facts",
    roles=_TELLERS,
    errors=(404,),
)
async def discard_fact(ask: Ask, path: OneHeldFact) -> None:
    """It is gone for good."""
    await ask.parts.facts.discard(path.held)


@operation(
    "GET",
    "/threads/{thread}/facts",
    summary="Facts about a customer",
    tag="facts",
    roles=AT_THE_DESK,
    errors=(404,),
)
async def list_facts(ask: Ask, path: OneThread, query: FactsWanted) -> FactList:
    """Over all identities that are linked now, the newest first.

    What partners told who are turned off is left out.
    """
    found = await ask.parts.knowing.facts(
        await _identities(ask, path.thread),
        kinds=() if query.kind is None else (query.kind,),
        before=query.before,
        limit=query.limit + 1,
    )
    return FactList.of(found, limit=query.limit)


@operation(
    "GET",
    "/threads/{thread}/profile",
    summary="A customer's profile",
    tag="facts",
    roles=AT_THE_DESK,
    errors=(404,),
)
async def get_profile(ask: Ask, path: OneThread) -> Profile:
    """What other systems say of each field: a verified value first, else the newest; and others."""
    fields = await ask.parts.knowing.profile(await _identities(ask, path.thread))
    return Profile(fields=tuple(fields))


async def _identities(ask: Ask, thread: ThreadId) -> list[IdentityId]:
    row = await ask.parts.desk.thread(thread)
    return [identity.id for identity in row.identities]


OPERATIONS = (
    tell_facts,
    list_quarantine,
    retry_fact,
    discard_fact,
    list_facts,
    get_profile,
)
