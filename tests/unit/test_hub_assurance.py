"""How sure an identity is by its links, and what is shown of an address."""

from __future__ import annotations

import pytest

from bot.hub.assurance import Assurance, Level, assurance
from bot.hub.numbers import masked_name, masked_number, phone_number
from bot.model.channel import Address, Capabilities
from bot.model.ids import LinkId
from bot.model.people import BySystem, ChannelIdentity, Link, LinkMark, Mark, Proof
from bot.model.record import LinkMade
from tests.builders import at

WEB = Capabilities(text_limit=1000, push=False)
SMS = Capabilities(text_limit=1000, attests_phone=True, phone_addressed=True, spoofable=True)
BOT = Capabilities(text_limit=1000)


def identity(channel: str = "web", user: str = "1") -> ChannelIdentity:
    address = Address(channel=channel, account="demo", user=user)
    return ChannelIdentity(
        id=address.identity, address=address, thread=address.home_thread, created_at=at(1)
    )


ME, OTHER, THIRD = identity(), identity("sms"), identity("telegram")


def made(
    proof: Proof, seq: int, *, ended: bool = False, other: ChannelIdentity = OTHER
) -> LinkMade:
    one = Link(
        id=LinkId.of(proof, str(seq)),
        one=other.id,
        other=ME.id if other is not THIRD else OTHER.id,
        proof=proof,
        proof_id="x",
        at=at(seq),
    )
    mark = LinkMark(link=one.id, mark=Mark.ENDED, at=at(seq + 1), by=BySystem())
    return LinkMade(link=one, seq=seq, marks=(mark,) if ended else ())


@pytest.mark.parametrize(
    ("channel", "capabilities", "level", "weak"),
    [
        ("web", WEB, Level.DEVICE, False),
        ("sms", SMS, Level.ATTESTED, True),
        ("telegram", BOT, Level.ATTESTED, False),
        ("gone", None, Level.ATTESTED, False),
        ("login", None, Level.SIGNED, False),
    ],
)
def test_an_identity_alone_is_as_sure_as_its_channel(
    channel: str, capabilities: Capabilities | None, level: Level, *, weak: bool
) -> None:
    found = assurance(identity(channel), [], capabilities)
    assert found == Assurance(level=level, since=at(1), weak=weak)


@pytest.mark.parametrize(
    ("proof", "level"),
    [
        (Proof.CODE, Level.LINKED),
        (Proof.OTP, Level.LINKED),
        (Proof.AGENT, Level.LINKED),
        (Proof.SIGNED, Level.SIGNED),
        (Proof.ATTESTED_PHONE, Level.DEVICE),
        (Proof.ALIAS, Level.DEVICE),
    ],
)
def test_a_link_of_its_own_raises_it(proof: Proof, level: Level) -> None:
    found = assurance(ME, [made(proof, 5)], WEB)
    assert found.level is level
    assert found.by_agent is (proof is Proof.AGENT)
    assert found.proof is (None if level is Level.DEVICE else proof)
    assert found.since == (at(1) if level is Level.DEVICE else at(5))


def test_the_strongest_counts_and_of_equal_ones_the_oldest() -> None:
    links = [made(Proof.CODE, 9), made(Proof.AGENT, 5), made(Proof.SIGNED, 7), made(Proof.CODE, 3)]
    assert assurance(ME, links, WEB).since == at(7)
    assert assurance(ME, links[:2], WEB) == Assurance(
        level=Level.LINKED, since=at(5), proof=Proof.AGENT, by_agent=True
    )


def test_links_that_ended_or_are_of_others_raise_nothing() -> None:
    ended = made(Proof.SIGNED, 5, ended=True)
    others = made(Proof.SIGNED, 6, other=THIRD)
    assert assurance(ME, [ended, others], WEB).level is Level.DEVICE
    assert assurance(OTHER, [ended, others], SMS).level is Level.SIGNED
    assert assurance(OTHER, [ended, others], SMS).weak is True


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("070-174 06 05", "+46701740605"),
        ("+46 (0)70 174 06 05", "+46701740605"),
        ("0046701740605", "+46701740605"),
        ("+47 406 12 345", "+4740612345"),
        ("+55 11 96123-4567", "+5511961234567"),
        ("0000000000", None),
        ("112", None),
        ("hej", None),
        ("", None),
        ("+999123456", None),
    ],
)
def test_a_number_is_read_as_it_is_written_here(text: str, number: str | None) -> None:
    assert phone_number(text) == number


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+46701234567", "+46 70 ••• •• 67"),
        ("+4740612345", "+47 40 •• •• 45"),
        ("+14155550123", "+1 41•-•••-••23"),
        ("+46123", "+46 •••"),
        ("nonsense", "•••"),
    ],
)
def test_a_number_is_shown_to_whoever_knows_it(number: str, shown: str) -> None:
    assert masked_number(number) == shown


def test_a_name_is_shown_by_its_first_letter() -> None:
    assert (masked_name("Anna Lind"), masked_name("")) == ("A•••", "")
