"""What an event's draft gives its sends: the provider's token for one answer."""

from __future__ import annotations

from bot.hub.draft import Draft, Words
from bot.model.event import ThreadEvent
from bot.model.ids import IdentityId
from bot.model.people import BySystem
from bot.model.sending import Origin
from bot.model.thread import ThreadState
from tests.builders import address, at, event_id, inbound

ANNA = address()


def drafted(reply_token: str | None) -> Draft:
    event = ThreadEvent(
        id=event_id(ANNA, "m1"),
        identity=ANNA.identity,
        thread=ANNA.home_thread,
        at=at(),
        body=inbound().model_copy(update={"reply_token": reply_token}),
    )
    return Draft(ThreadState(thread=ANNA.home_thread), event, now=at())


def tokens(draft: Draft, *recipients: IdentityId | None) -> list[str | None]:
    for to in recipients:
        draft.say(Words(text="Svar"), by=BySystem(), origin=Origin.BOT, to=to)
    return [item.in_reply_to for item in draft.change().sends]


def test_the_first_answer_alone_has_the_messages_token() -> None:
    assert tokens(drafted("tok1"), None, None) == ["tok1", None]


def test_what_goes_to_another_address_has_no_token() -> None:
    other = address("bo").identity
    assert tokens(drafted("tok1"), other, None) == [None, "tok1"]


def test_without_a_token_there_is_none() -> None:
    assert tokens(drafted(None), None) == [None]
