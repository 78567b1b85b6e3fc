"""Levels: what an address is worth, and what its own links add."""

from __future__ import annotations

import pytest

from bot.hub.assurance import assurance, level
from bot.model.ids import LinkId
from bot.model.people import (
    Assurance,
    BySystem,
    ChannelIdentity,
    Level,
    Link,
    LinkMark,
    Mark,
    Proof,
)
from bot.model.record import LinkMade
from tests.builders import address, at


def identity(user: str, *, channel: str) -> ChannelIdentity:
    where = address(user, channel=channel)
    return ChannelIdentity(
        id=where.identity, address=where, thread=where.home_thread, created_at=at()
    )


WEB = identity("v1", channel="webchat")
SMS = identity("+46701740605", channel="twilio_sms")
TELEGRAM = identity("42", channel="telegram")
LOGIN = identity("sub-1", channel="login")


def made(
    one: ChannelIdentity,
    other: ChannelIdentity,
    proof: Proof,
    *,
    seconds: float = 10,
    ended: bool = False,
) -> LinkMade:
    link = Link(
        id=LinkId.of(one.id, other.id, proof),
        one=one.id,
        other=other.id,
        proof=proof,
        proof_id="p",
        at=at(seconds),
    )
    mark = LinkMark(link=link.id, mark=Mark.ENDED, at=at(99), by=BySystem())
    return LinkMade(link=link, seq=1, marks=(mark,) if ended else ())


@pytest.mark.parametrize(
    ("who", "worth"),
    [(WEB, Level.L0), (SMS, Level.L2), (TELEGRAM, Level.L2), (LOGIN, Level.L4)],
)
def test_a_channel_alone(who: ChannelIdentity, worth: Level) -> None:
    assert level(who, []) is worth
    found = assurance(who, [])
    assert (found.since, found.proof, found.link) == (at(), None, None)
    assert found.weak is (who is SMS)


@pytest.mark.parametrize(
    ("proof", "worth"),
    [
        (Proof.CODE, Level.L3),
        (Proof.OTP, Level.L3),
        (Proof.AGENT, Level.L3),
        (Proof.SIGNED, Level.L4),
        (Proof.ATTESTED_PHONE, Level.L0),
        (Proof.ALIAS, Level.L0),
    ],
)
def test_a_link_of_its_own(proof: Proof, worth: Level) -> None:
    assert level(WEB, [made(SMS, WEB, proof)]) is worth
    assert level(WEB, [made(WEB, SMS, proof)]) is worth


def test_says_what_it_rests_on() -> None:
    link = made(SMS, WEB, Proof.AGENT)
    assert assurance(WEB, [link]) == Assurance(
        level=Level.L3, since=at(10), proof=Proof.AGENT, link=link.link.id, by_agent=True
    )
    code = made(TELEGRAM, WEB, Proof.CODE, seconds=20)
    assert assurance(WEB, [link, code]).proof is Proof.CODE
    signed = made(LOGIN, WEB, Proof.SIGNED, seconds=30)
    assert assurance(WEB, [link, code, signed]).level is Level.L4
    later = made(SMS, WEB, Proof.OTP, seconds=25)
    assert assurance(WEB, [later, code]).since == at(20)


def test_links_that_ended_or_are_others_count_for_nothing() -> None:
    assert level(WEB, [made(SMS, WEB, Proof.CODE, ended=True)]) is Level.L0
    assert level(WEB, [made(LOGIN, SMS, Proof.SIGNED)]) is Level.L0
    assert level(LOGIN, [made(LOGIN, SMS, Proof.AGENT)]) is Level.L4
