"""Levels: what an address is worth, and what its own links add."""

from __future__ import annotations

import pytest

from bot.hub.assurance import Assurance, Level
from bot.hub.levels import Levels
from bot.model.ids import LinkId
from bot.model.people import (
    BySystem,
    ChannelIdentity,
    Link,
    LinkMark,
    Mark,
    Proof,
)
from bot.model.record import LinkMade
from tests.builders import address, at
from tests.hubs import played


def identity(user: str, *, channel: str) -> ChannelIdentity:
    where = address(user, channel=channel)
    return ChannelIdentity(
        id=where.identity, address=where, thread=where.home_thread, created_at=at()
    )


WEB = identity("v1", channel="webchat")
SMS = identity("+46701740605", channel="twilio_sms")
TELEGRAM = identity("42", channel="telegram")
LOGIN = identity("sub-1", channel="login")


LEVELS = Levels(played()[0])
level, assurance = LEVELS.level, LEVELS.assurance


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
    return LinkMade(link=link, seq=int(seconds), marks=(mark,) if ended else ())


@pytest.mark.parametrize(
    ("who", "worth"),
    [(WEB, Level.DEVICE), (SMS, Level.ATTESTED), (TELEGRAM, Level.ATTESTED), (LOGIN, Level.SIGNED)],
)
def test_a_channel_alone(who: ChannelIdentity, worth: Level) -> None:
    assert level(who, []) is worth
    found = assurance(who, [])
    assert (found.since, found.proof) == (at(), None)
    assert found.weak is (who is SMS)


@pytest.mark.parametrize(
    ("proof", "worth"),
    [
        (Proof.CODE, Level.LINKED),
        (Proof.OTP, Level.LINKED),
        (Proof.AGENT, Level.LINKED),
        (Proof.SIGNED, Level.SIGNED),
        (Proof.ATTESTED_PHONE, Level.DEVICE),
        (Proof.ALIAS, Level.DEVICE),
    ],
)
def test_a_link_of_its_own(proof: Proof, worth: Level) -> None:
    assert level(WEB, [made(SMS, WEB, proof)]) is worth
    assert level(WEB, [made(WEB, SMS, proof)]) is worth


def test_says_what_it_rests_on() -> None:
    link = made(SMS, WEB, Proof.AGENT)
    assert assurance(WEB, [link]) == Assurance(
        level=Level.LINKED, since=at(10), proof=Proof.AGENT, by_agent=True
    )
    code = made(TELEGRAM, WEB, Proof.CODE, seconds=20)
    signed = made(LOGIN, WEB, Proof.SIGNED, seconds=30)
    assert assurance(WEB, [link, code, signed]).level is Level.SIGNED
    # Of equal ones the oldest tells.
    assert assurance(WEB, [made(SMS, WEB, Proof.OTP, seconds=25), code]).since == at(20)


def test_a_code_from_where_senders_can_be_made_up_is_a_weak_proof() -> None:
    code = made(WEB, SMS, Proof.CODE)
    weak = code.model_copy(update={"link": code.link.model_copy(update={"weak": True})})
    shown = (assurance(WEB, [weak]).level, assurance(WEB, [weak]).weak)
    assert shown == (Level.LINKED, True)
    # Until what came to the phone was sent back; a log-in needs no code.
    yes = LinkMark(link=code.link.id, mark=Mark.REVEALED, at=at(20), by=BySystem())
    assert not assurance(WEB, [weak.model_copy(update={"marks": (yes,)})]).weak
    assert not assurance(WEB, [weak, made(LOGIN, WEB, Proof.SIGNED, seconds=30)]).weak


def test_links_that_ended_or_are_others_count_for_nothing() -> None:
    assert level(WEB, [made(SMS, WEB, Proof.CODE, ended=True)]) is Level.DEVICE
    assert level(WEB, [made(LOGIN, SMS, Proof.SIGNED)]) is Level.DEVICE
    assert level(LOGIN, [made(LOGIN, SMS, Proof.AGENT)]) is Level.SIGNED
