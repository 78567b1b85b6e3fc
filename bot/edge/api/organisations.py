"""Organisations and their people."""

from __future__ import annotations

from bot.edge.api.route import Ask, operation
from bot.edge.api.shapes import NewMember, OneOrganisation
from bot.edge.api.threads import AT_THE_DESK
from bot.hub.organisations import MemberTold, Organisation
from bot.model.fact import Membership

_PATH = "/organisations/{key}"


@operation(
    "GET",
    _PATH,
    summary="One organisation",
    tag="organisations",
    roles=AT_THE_DESK,
    errors=(404,),
)
async def get_organisation(ask: Ask, path: OneOrganisation) -> Organisation:
    """Its people by customer, what each does, the roles nobody has, and where the deal stands.

    A role that was told counts, the one told last; who has none is given those that their questions
    as one of its people show (`inferred`): technical ones a user's, commercial ones a buyer's. The
    deal's `belief` is the mean of its people's, each weighted by its age, halved every 14 days.
    """
    return await ask.parts.hub.organisations.organisation(path.key)


@operation(
    "POST",
    f"{_PATH}/members",
    summary="Add one of its people",
    tag="organisations",
    roles=AT_THE_DESK,
    errors=(404, 409),
)
async def add_member(ask: Ask, path: OneOrganisation, body: NewMember) -> Organisation:
    """Say that a customer is one of its people, or what they do there; the last word counts.

    The same `client_id` again changes nothing; 409 when it said something else before.
    """
    told = MemberTold(
        identity=body.identity,
        membership=Membership(organisation=path.key, name=body.name, role=body.role),
        key=f"{ask.principal.id}:{body.client_id}",
    )
    await ask.parts.hub.organisations.tell(told)
    return await ask.parts.hub.organisations.organisation(path.key)


OPERATIONS = (get_organisation, add_member)
