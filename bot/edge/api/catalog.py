"""What the installation has and lacks: channels, content gaps, dead letters."""

from __future__ import annotations

from bot.edge.api.persona_shapes import OnePersona, PersonaCardOut
from bot.edge.api.route import AnyRole, Ask, operation
from bot.edge.api.shapes import (
    ChannelList,
    ChannelOut,
    DeadLetterList,
    DeadLetterOut,
    GapList,
    Limit,
    PersonaList,
    PersonaNames,
    PersonaOut,
)
from bot.model.facet import PRIVATE
from bot.model.people import Role
from bot.model.record import DeadLetter


@operation(
    "GET",
    "/gaps",
    summary="Content gaps",
    tag="content",
    roles=frozenset({Role.AUTHOR, Role.ADMIN}),
)
async def list_gaps(ask: Ask, query: Limit) -> GapList:
    """Cells of the content matrix that were asked for and empty, most demanded first."""
    return GapList(gaps=tuple(await ask.parts.store.gaps(limit=query.limit)))


@operation(
    "GET",
    "/dead-letters",
    summary="What could not be processed",
    tag="operations",
    roles=frozenset({Role.ADMIN}),
)
async def list_dead_letters(ask: Ask, query: Limit) -> DeadLetterList:
    """Accepted events that were set aside, oldest first; `samtal replay` takes them back."""
    letters = await ask.parts.store.dead_letters(limit=query.limit)
    return DeadLetterList(dead_letters=tuple(_shown(letter) for letter in letters))


@operation("GET", "/channels", summary="Channel accounts", tag="channels", roles=AnyRole)
async def list_channels(ask: Ask) -> ChannelList:
    """What is configured, what each carries, and how it fares."""
    targets = set(ask.parts.linking.targets())
    healths = await ask.parts.hub.healths.read() if ask.principal.role is Role.ADMIN else []
    known = {(one.channel, one.account): one for one in healths}
    return ChannelList(
        channels=tuple(
            ChannelOut(
                channel=name,
                account=account,
                capabilities=channel.capabilities,
                continuable=(name, account) in targets,
                health=known.get((name, account)),
            )
            for (name, account), channel in sorted(ask.parts.channels.items())
        )
    )


@operation("GET", "/personas", summary="Personas", tag="content", roles=AnyRole)
async def list_personas(ask: Ask) -> PersonaList:
    """Whom customers may speak as; a thread's `facets` name them by key."""
    return PersonaList(
        personas=tuple(
            PersonaOut(
                key=persona.key,
                names=PersonaNames(sv=persona.sv, en=persona.en),
                default=persona.key == PRIVATE,
                organisation=persona.organisation,
            )
            for persona in ask.parts.hub.personas.all
        )
    )


@operation(
    "GET", "/personas/{key}", summary="One persona", tag="content", roles=AnyRole, errors=(404,)
)
async def get_persona(ask: Ask, path: OnePersona) -> PersonaCardOut:
    """Its card as the configuration has it, since when it says so, and what live data say of it.

    Counted once an hour: customers who ever spoke as it, and of those who did in the last 90 days
    how many are likeliest in which stage, wrote on which channel, in which language, and asked for
    what. Numbers under ten are not shown (`count` null), nor what would give one away. Shares are
    held against those counted 90 days before: `drift` when the two-proportion z goes beyond 2.58,
    z = (p1 - p2) / sqrt(p (1 - p) (1/n1 + 1/n2)), p being the share of both together.
    """
    return PersonaCardOut.of(await ask.parts.hub.evidences.of(path.key))


def _shown(letter: DeadLetter) -> DeadLetterOut:
    came = letter.request
    return DeadLetterOut(
        event=letter.event,
        thread=letter.thread,
        reason=letter.reason,
        tries=letter.tries,
        at=letter.at,
        channel=came.channel if came else None,
        account=came.account if came else None,
        request=came.body.decode("utf-8", "replace") if came else None,
    )


OPERATIONS = (list_gaps, list_dead_letters, list_channels, list_personas, get_persona)
