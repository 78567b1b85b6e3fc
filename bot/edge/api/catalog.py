"""What the installation has and lacks: channels, content gaps, dead letters."""

from __future__ import annotations

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
    """What is configured, and what each carries."""
    targets = set(ask.parts.linking.targets())
    return ChannelList(
        channels=tuple(
            ChannelOut(
                channel=name,
                account=account,
                capabilities=channel.capabilities,
                continuable=(name, account) in targets,
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


OPERATIONS = (list_gaps, list_dead_letters, list_channels, list_personas)
