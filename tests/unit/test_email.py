"""What the samples of e-mail leave open: quotes, proof, names, and how a mail of ours looks."""

from __future__ import annotations

from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default

import pytest

from bot.model.channel import Inbound, OptOut, Request, Unreadable
from bot.model.sending import HttpCall, Media, Origin, Reply
from channels.email import composing, markup, quotes
from channels.email.headers import address
from tests.contract import channel_samples as kit
from tests.contract.channel_samples import NOW

OUTLOOK = """Ja tack

________________________________
Från: Shop <hej@shop.example>
Skickat: den 5 januari 2026 10:12
Till: Bo
Ämne: Jacka

Vilken?"""


@pytest.mark.parametrize(
    ("text", "own"),
    [
        (OUTLOOK, "Ja tack"),
        ("Yes\n\nOn Mon, 5 Jan 2026 at 10:12, Shop\n<hej@shop.example> wrote:\n\n> Which?", "Yes"),
        ("Ja\n\n5 jan. 2026 kl. 10:12 skrev Shop <hej@shop.example>:\n\nVilken?", "Ja"),
        ("On 2026-01-05 10:12, Shop wrote:\n> Which?\n\nThe blue one", "The blue one"),
        ("Hej\n\nSkickat från min iPhone", "Hej"),
        ("Hej\n-- \nBo\n070", "Hej"),
        ("-----Original Message-----\nFrom: x\n", ""),
        ("Från: i går tills nu: inget", "Från: i går tills nu: inget"),
        ("Så här skrev ni till mig:\nvänta", "Så här skrev ni till mig:\nvänta"),
    ],
)
def test_only_the_writers_own_words_are_kept(text: str, own: str) -> None:
    assert quotes.own_words(text) == own


def test_html_is_read_and_never_run() -> None:
    html = "<head><title>x</title></head><p>Hej &lt;b&gt;</p><script>a()</script>"
    assert markup.plain(f"{html}<ul><li>ett<li>två</ul>") == "Hej <b>\n\n- ett\n- två"
    assert markup.plain("<![if x]>Hej<![endif]>") == "Hej"


@pytest.mark.parametrize(
    ("raw", "normal"),
    [
        ("Åsa.B+x@Kund.EXAMPLE", "åsa.b+x@kund.example"),
        ("a@räksmörgås.example", "a@xn--rksmrgs-5wao1o.example"),
        ("a@localhost", None),
        ("a b@kund.example", None),
        ("a@kund.example\nBcc: x@y.example", None),
        ("", None),
    ],
)
def test_addresses_have_one_form(raw: str, normal: str | None) -> None:
    assert address(raw) == normal


def read(raw: str, **more: object) -> object:
    request = Request(
        method="MAILBOX", url="imap://x", path="/mailbox", body=raw.encode(), received_at=NOW
    )
    (event,) = kit.adapter("email", **more).receive(request).events
    return event


PROOF = """Authentication-Results: {server}; {results}
From: bo@kund.example
Message-ID: <a@b.example>

Hej
"""


@pytest.mark.parametrize(
    ("server", "results", "proven"),
    [
        ("mx.shop.example", "dmarc=pass header.from=kund.example", True),
        ("mx.shop.example", "spf=pass; dkim=pass header.d=kund.example", True),
        ("mx.shop.example", "dkim=pass header.d=other.example; dmarc=fail", False),
        ("mx.shop.example", "dmarc=pass header.from=other.example", False),
        ("mx.shop.example", "dkim=fail (dkim=pass header.d=kund.example)", False),
        ("mx.other.example", "dmarc=pass header.from=kund.example", False),
    ],
)
def test_only_our_own_servers_word_proves_a_sender(
    server: str, results: str, *, proven: bool
) -> None:
    event = read(PROOF.format(server=server, results=results), authserv_id="mx.shop.example")
    assert isinstance(event, Inbound if proven else Unreadable)


def test_without_such_a_server_senders_can_be_made_up() -> None:
    assert kit.adapter("email").capabilities.spoofable
    assert not kit.adapter("email", authserv_id="mx.shop.example").capabilities.spoofable


def test_a_keyword_with_a_quote_below_it_opts_out() -> None:
    event = read("From: bo@kund.example\nSubject: Re: Rea\n\nSTOPP\n\n> köp nu\n")
    assert isinstance(event, OptOut)


def test_a_mail_that_came_by_two_ways_has_one_key() -> None:
    raw = "From: bo@kund.example\nMessage-ID: <a@b.example>\n\nHej\n"
    one, other = read(raw), read(f"Received: by mx2\n{raw}")
    another = read(raw.replace("Hej", "Nej"))
    assert isinstance(one, Inbound)
    assert isinstance(other, Inbound)
    assert isinstance(another, Inbound)
    assert one.dedupe_key == other.dedupe_key != another.dedupe_key


def composed(text: str, **more: object) -> EmailMessage:
    driven = kit.drive(
        kit.adapter("email").send(kit.message("email", text=text, **more)),
        lambda call: Reply(status=200, headers=(("content-type", "image/png"),), body=b"PNG"),
    )
    call = driven.calls[-1]
    assert isinstance(call, HttpCall)
    return BytesParser(EmailMessage, policy=default).parsebytes(call.body)


def test_no_field_can_be_put_in_and_nothing_in_a_text_is_markup() -> None:
    token = '{"references":["a@b.example","x> y"],"subject":"Re: SV: Jacka\\r\\nBcc: x@y.example"}'
    mail = composed("<b>5 < 6</b> https://shop.example/a?b=1&c=2.", in_reply_to=token)
    assert mail["Bcc"] is None
    assert mail["Subject"] == "Re: Jacka Bcc: x@y.example"
    assert mail["In-Reply-To"] == "<a@b.example>"
    html = mail.get_body(("html",))
    assert html is not None
    assert "&lt;b&gt;5 &lt; 6&lt;/b&gt;" in html.get_content()
    assert '<a href="https://shop.example/a?b=1&amp;c=2">' in html.get_content()


def test_an_agents_mail_is_a_persons_and_has_the_files() -> None:
    picture = {"type": "image", "url": "https://cdn.example.com/blå.png", "name": "blå.png"}
    mail = composed("Här", origin=Origin.AGENT, author_name="Anna", attachments=(picture,))
    assert mail["Auto-Submitted"] is None
    assert mail["From"] == '"Anna, Fjällbutiken" <hej@shop.example>'
    (file,) = mail.iter_attachments()
    assert (file.get_filename(), file.get_content()) == ("blå.png", b"PNG")


def test_a_retry_is_the_same_mail_byte_for_byte() -> None:
    message = kit.message("email", text="Hej å\n" * 30)
    made = kit.settings("email")
    files = (Media(body=b"x", mime="image/png", name="a.png"),)
    one, other = (
        composing.compose(message, message.text, part=0, files=files, settings=made)  # type: ignore[arg-type]  # the kit knows no channel
        for _ in range(2)
    )
    assert one == other
    assert max(map(len, one.split(b"\r\n"))) <= 998
    assert one.isascii()


def test_a_campaign_can_be_left_by_mail() -> None:
    mail = composed("Rea", origin=Origin.CAMPAIGN)
    assert mail["List-Unsubscribe"] == "<mailto:hej@shop.example?subject=STOP>"
    assert mail["Auto-Submitted"] == "auto-generated"


def test_who_sends_us_away_from_our_own_files_is_called_with_the_guard() -> None:
    picture = {"type": "image", "url": f"{kit.BASE}/files/blb_1/a.png"}
    sending = kit.adapter("email").send(kit.message("email", text="Här", attachments=[picture]))
    own = sending.send(None)
    assert isinstance(own, HttpCall)
    assert (own.url, own.guarded) == (picture["url"], False)
    away = sending.send(Reply(status=302, headers=(("location", "http://10.0.0.1/x.png"),)))
    assert isinstance(away, HttpCall)
    assert (away.url, away.guarded) == ("http://10.0.0.1/x.png", True)
