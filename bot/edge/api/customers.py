"""Customers: the card, and what agents say of who is who."""

from __future__ import annotations

from pydantic import ValidationError

from bot.edge.api.commands import done, refused
from bot.edge.api.customer_shapes import (
    CardOut,
    CustomerConsents,
    LinkDone,
    NewConsent,
    NewValue,
    OneCustomer,
    OneField,
    OneLink,
    OtherCustomer,
    Unlink,
)
from bot.edge.api.route import Ask, operation
from bot.edge.api.shapes import CommandDone
from bot.edge.api.threads import AT_THE_DESK
from bot.edge.problems import Mistake, Refusal
from bot.hub.connecting import Connected
from bot.model.event import Rejected
from bot.model.people import Role

_PATH = "/customers/{customer}"
_LOST = (404, 409)


@operation(
    "GET", _PATH, summary="A customer's card", tag="customers", roles=AT_THE_DESK, errors=(404,)
)
async def get_customer(ask: Ask, path: OneCustomer) -> CardOut:
    """Everything known of the customer of a thread, or at an identity, with source and time.

    What somebody only says of themselves is a claim and proves nothing. Suggestions are other
    customers who may be the same one; nothing is linked before somebody proves or vouches for it.
    """
    card = await ask.parts.cards.card(path.wanted)
    return CardOut.of(card, may_link=_may_link(ask))


@operation(
    "PUT",
    f"{_PATH}/fields/{{field}}",
    summary="Correct a field of the profile",
    tag="customers",
    roles=AT_THE_DESK,
    errors=_LOST,
)
async def correct_field(ask: Ask, path: OneField, body: NewValue) -> CommandDone:
    """Say what a field holds: it is shown before whatever is told later, unless that is verified.

    Where a CRM keeps the field, it is told. 409: the field holds something else than what was
    `seen` (`present` is what), or a value that was verified where it came from.
    """
    correction = ask.parts.correcting.correct(path.wanted, ask.principal.by, body.word(path.field))
    try:
        return await done(ask, correction)
    except ValidationError as error:
        wrong = Mistake(where="body.value", what=_said(error), mend="Send a value of that form.")
        raise Refusal(422, "The field cannot hold this value.", errors=(wrong,)) from None


@operation(
    "POST",
    f"{_PATH}/links",
    summary="Link two customers",
    tag="customers",
    roles=AT_THE_DESK,
    errors=_LOST,
)
async def link_customers(ask: Ask, path: OneCustomer, body: OtherCustomer) -> LinkDone:
    """Vouch for it that the customer is also the one at another identity; this thread goes on.

    Customers that take two agents are only linked when a colleague says the same: until then it is
    `proposed`. 409 says why it must not be. It takes an administrator, or the setting
    `hub.agents_may_link`; never a machine.
    """
    _check_may_link(ask)
    try:
        became = await ask.parts.connecting.link(path.wanted, ask.principal.by, body.word)
    except TimeoutError:
        ask.status = 202
        return LinkDone(status="pending")
    if isinstance(became, Rejected):
        raise refused(became)
    return LinkDone(status="linked" if became is Connected.LINKED else "proposed")


@operation(
    "DELETE",
    f"{_PATH}/links/{{link}}",
    summary="End a link",
    tag="customers",
    roles=AT_THE_DESK,
    errors=_LOST,
)
async def unlink_customers(ask: Ask, path: OneLink, query: Unlink) -> CommandDone:
    """What was joined by this link alone is two customers again, each with what is their own."""
    _check_may_link(ask)
    command = ask.parts.connecting.unlink(
        path.wanted, ask.principal.by, path.link, reason=query.reason, key=query.client_id
    )
    return await done(ask, command)


@operation(
    "POST",
    f"{_PATH}/dismissals",
    summary="Dismiss a suggestion",
    tag="customers",
    roles=AT_THE_DESK,
    errors=_LOST,
)
async def dismiss_suggestion(ask: Ask, path: OneCustomer, body: OtherCustomer) -> CommandDone:
    """Say that the two are not one customer: it is not suggested again, on either card."""
    _check_may_link(ask)
    command = ask.parts.connecting.dismiss(path.wanted, ask.principal.by, body.word)
    return await done(ask, command)


@operation(
    "POST",
    f"{_PATH}/consents",
    summary="Tell a customer's consent",
    tag="customers",
    roles=AT_THE_DESK | {Role.INTEGRATION},
    errors=(404,),
)
async def tell_consent(ask: Ask, path: OneCustomer, body: NewConsent) -> CustomerConsents:
    """Keep that marketing was allowed or refused at an identity; answers what counts then.

    Of what one identity says, the latest word by `at` counts for a persona: one for all personas
    does away with those before it. Over the identities of a customer on a channel the strictest
    counts. Who allowed it as one persona only has not allowed it as the others.
    """
    _check_consent(ask, body)
    await ask.parts.hub.consenting.tell(path.wanted, body.told, by=ask.principal.by)
    card = await ask.parts.cards.card(path.wanted)
    return CustomerConsents(consents=card.consents)


def _check_consent(ask: Ask, body: NewConsent) -> None:
    personas, now = ask.parts.hub.personas, ask.parts.clock.now()
    wrong = []
    if body.facet is not None and body.facet not in personas:
        known = ", ".join(one.key for one in personas.all)
        wrong.append(Mistake(where="body.facet", what="no such persona", mend=f"Send: {known}."))
    if body.at > now:
        mend = f"Send when it was said, until {now.isoformat()}."
        wrong.append(Mistake(where="body.at", what="a moment to come", mend=mend))
    if wrong:
        raise Refusal(422, "Something in the body is wrong.", errors=tuple(wrong))


def _said(error: ValidationError) -> str:
    """What is wrong with a value, without the value."""
    return error.errors(include_input=False)[0]["msg"].removeprefix("Value error, ")


def _may_link(ask: Ask) -> bool:
    """A word is a person's."""
    principal = ask.principal
    return principal.session is not None and ask.parts.connecting.may_link(principal.role)


def _check_may_link(ask: Ask) -> None:
    if not _may_link(ask):
        raise Refusal(
            403,
            "This needs an administrator; agents may when hub.agents_may_link is set, "
            "machines never.",
            slug="role",
        )


OPERATIONS = (
    get_customer,
    correct_field,
    link_customers,
    unlink_customers,
    dismiss_suggestion,
    tell_consent,
)
