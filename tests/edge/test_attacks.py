"""Attacks on who somebody is: each is tried in earnest, and fails for the attacker."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import re
import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
import socketio

from bot.hub.linking import new_code
from bot.model.people import Proof
from bot.model.thread import MessageIn
from channels import webchat
from tests.edge.house import Browser, House, house, until
from tests.edge.tokens import (
    OTHER_SECRET,
    SECRET,
    claims,
    public_pem,
    realm,
    rsa_key,
    signed,
    token,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SECRET_WORDS = "Min kod till porten är 4711"
PHONE = "+46701740605"
EMAIL = "anna@example.com"
SMS = {"channel": "twilio_sms", "account": "demo"}
RATE = {"per_second": 200, "burst": 2000}
NOW = time.time()


@pytest.fixture
async def server() -> AsyncIterator[House]:
    async with house(realms={"shop": realm()}, visitor_rate=RATE, socket_rate=RATE) as running:
        yield running


@pytest.fixture
async def victim_server() -> AsyncIterator[House]:
    """One that lets anybody do as much as they can."""
    rate = {"per_second": 100_000, "burst": 100_000}
    async with house(visitor_rate=rate, socket_rate=rate) as running:
        yield running


@pytest.fixture
async def victim(server: House) -> Browser:
    """A customer who is signed in, has a phone, and has said something in confidence."""
    browser = await server.visitor()
    await browser.say(SECRET_WORDS, key="m1")
    await until(lambda: bool(browser.texts("bot")))
    assert (await browser.sign_in(token("anna")))["ok"] is True
    offer = await browser.do("continue", SMS)
    await server.bring(PHONE, offer["code"])
    await until(lambda: len(server.store.memory.links) == 2)
    return browser


async def opened(server: House, attacker: Browser) -> list[str]:
    """Everything that the attacker's page can be made to show."""
    attacker.events[:] = [one for one in attacker.events if one[0] == "welcome"]
    await attacker.do("replay", {"last_seq": 0})
    await until(lambda: bool(attacker.told("replayed")))
    again = await server.visitor(token=attacker.token, last_seq=0)
    return attacker.shown() + again.shown()


async def links(server: House) -> int:
    return len(server.store.memory.links)


async def sees_nothing(server: House, attacker: Browser) -> None:
    """The attacker is somebody else still, and was shown nothing."""
    assert await links(server) == 2
    shown = await opened(server, attacker)
    assert not any(SECRET_WORDS in text for text in shown)
    assert {one["channel"] for one in await attacker.linked()} <= {"webchat"}


# --- saying who one is -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        EMAIL,
        f"Min e-post är {EMAIL}",
        "аnna@example.com",  # its first letter is Cyrillic
        PHONE,
        "Jag heter Anna Lind, 070-174 06 05",
        "anna",
        f"login:shop:anna {EMAIL}",
    ],
)
async def test_typing_the_victims_address_opens_nothing(
    said: str, server: House, victim: Browser
) -> None:
    attacker = await server.visitor()
    await attacker.say(said, key="m1")
    form = {"id": "f1", "fields": {"email": EMAIL, "phone": PHONE}, "text": said}
    await attacker.do("form", form)
    await until(lambda: bool(attacker.texts("bot")))
    await sees_nothing(server, attacker)


# --- tokens ----------------------------------------------------------------------------------


def _part(value: object) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def _unsigned(algorithm: str, signature: str = "") -> str:
    head = {"alg": algorithm, "typ": "JWT", "kid": "hs"}
    return f"{_part(head)}.{_part(claims('anna'))}.{signature}"


def _by_public_key() -> str:
    first = f"{_part({'alg': 'HS256', 'kid': 'rs'})}.{_part(claims('anna'))}"
    pem = public_pem(rsa_key().public_key()).encode()
    return f"{first}.{_part(hmac.new(pem, first.encode(), hashlib.sha256).digest())}"


def _changed() -> str:
    head, _, signature = token("mallory").split(".")
    return f"{head}.{_part(claims('anna'))}.{signature}"


FORGED: dict[str, Callable[[], str]] = {
    "no token": lambda: "",
    "only a name": lambda: "anna",
    "unsigned": lambda: _unsigned("HS256"),
    "alg none": lambda: _unsigned("none"),
    "alg none, in other letters": lambda: _unsigned("nOnE", "AAAA"),
    "empty signature": lambda: token("anna").rpartition(".")[0] + ".",
    "changed afterwards": _changed,
    "signed by somebody else": lambda: signed(claims("anna"), OTHER_SECRET),
    "signed by the public key": _by_public_key,
    "unknown kid": lambda: signed(claims("anna"), SECRET, kid="other"),
    "another key's kid": lambda: signed(claims("anna"), SECRET, kid="hs-next"),
    "no kid": lambda: signed(claims("anna"), SECRET, kid=None),
    "foreign aud": lambda: token("anna", aud="another chat"),
    "no aud": lambda: token("anna", aud=None),
    "expired": lambda: token("anna", iat=NOW - 900, exp=NOW - 300),
    "not yet valid": lambda: token("anna", nbf=NOW + 3000),
    "made in the future": lambda: token("anna", iat=NOW + 3000, exp=NOW + 3600),
    "without an end": lambda: token("anna", exp=None),
    "for a year": lambda: token("anna", exp=NOW + 365 * 86400),
    "without a beginning": lambda: token("anna", iat=None),
    "no sub": lambda: signed({**claims(), "sub": None}, SECRET),
    "a number for sub": lambda: signed({**claims(), "sub": 0}, SECRET),
    "no jti": lambda: token("anna", jti=None),
    "empty sub": lambda: token(""),
    "sub null": lambda: token("null"),
    "sub undefined": lambda: token("undefined"),
    "sub 0": lambda: token("0"),
    "sub anonymous": lambda: token("anonymous"),
    "sub test": lambda: token("test"),
    "sub of an object": lambda: token("[object Object]"),
}


@pytest.mark.parametrize("kind", FORGED)
async def test_a_token_that_the_business_did_not_make_signs_nobody_in(
    kind: str, server: House, victim: Browser
) -> None:
    forged = FORGED[kind]()
    identities = len(server.store.memory.identities)
    attacker = await server.visitor()
    answer = await attacker.sign_in(forged)
    assert answer["ok"] is False
    assert answer["problem"]["type"] == "/problems/identity-token"
    assert answer["problem"]["detail"].startswith("This log-in is not taken. ")
    page = await server.visitor(identity_token=forged)
    assert page.told("welcome")[0]["sign_in"]["ok"] is False
    assert page.shown() == []
    await sees_nothing(server, attacker)
    assert len(server.store.memory.identities) == identities  # nobody was made of it


async def test_a_token_that_somebody_used_is_nobody_elses(server: House, victim: Browser) -> None:
    copied = token("anna")
    assert (await victim.sign_in(copied))["ok"] is True
    attacker = await server.visitor()
    for _ in range(2):
        answer = await attacker.sign_in(copied)
        assert answer["problem"]["type"] == "/problems/identity-token"
        assert "Another visitor has used it" in answer["problem"]["detail"]
    page = await server.visitor(token=attacker.token, identity_token=copied)
    assert page.told("welcome")[0]["sign_in"]["ok"] is False
    assert (await victim.sign_in(copied))["ok"] is True  # whose it was, it is
    await sees_nothing(server, attacker)


async def test_a_copied_token_shows_no_more_to_the_same_customer_elsewhere(
    server: House, victim: Browser
) -> None:
    """A shared computer where the customer was once: another's token does not open it again."""
    shared = await server.visitor()
    now = time.time()
    assert (await shared.sign_in(token("anna", iat=now - 60, exp=now - 28)))["ok"] is True
    await until(lambda: bool(shared.told("reset")))
    copied = token("anna")
    assert (await victim.sign_in(copied))["ok"] is True
    assert (await shared.sign_in(copied))["ok"] is False
    assert not any(SECRET_WORDS in text for text in await opened(server, shared))


async def test_the_old_key_and_the_new_one_prove_until_the_old_one_is_gone(server: House) -> None:
    one, other = await server.visitor(), await server.visitor()
    assert (await one.sign_in(token("anna", kid="hs")))["ok"] is True
    assert (await other.sign_in(token("anna", kid="hs-next")))["ok"] is True
    kept = [key.model_dump() for key in realm().keys if key.kid == "hs-next"]
    async with house(realms={"shop": realm(keys=kept)}) as later:
        visitor = await later.visitor()
        assert (await visitor.sign_in(token("anna", kid="hs")))["ok"] is False
        assert (await visitor.sign_in(token("anna", kid="hs-next")))["ok"] is True


# --- visitor tokens --------------------------------------------------------------------------


async def _problem(server: House, **auth: object) -> dict[str, Any]:
    client = socketio.AsyncClient(reconnection=False)
    errors: list[dict[str, Any]] = []
    client.on("connect_error", errors.append, namespace="/chat")
    with pytest.raises(socketio.exceptions.ConnectionError):
        await client.connect(server.base, namespaces=["/chat"], auth=auth, wait_timeout=5)
    await client.disconnect()
    problem: dict[str, Any] = errors[0]["data"]
    return problem


async def test_a_visitors_token_is_no_good_at_another_chat() -> None:
    public = "http://127.0.0.1:1"
    other = webchat.Adapter(webchat.Settings(), account="other", public_base_url=public)
    async with house(extra=(other,)) as server:
        visitor = await server.visitor(account="demo")
        await visitor.say(SECRET_WORDS, key="m1")
        problem = await _problem(server, account="other", token=visitor.token)
        assert problem["type"] == "/problems/visitor-token"


async def test_a_realms_token_is_no_good_at_a_chat_it_is_not_for() -> None:
    async with house(realms={"shop": realm(accounts=("other",))}) as server:
        visitor = await server.visitor()
        assert "kid" in (await visitor.sign_in(token()))["problem"]["detail"]
        assert server.store.memory.identities == {}


async def test_the_next_one_at_the_same_browser_sees_nothing(
    server: House, victim: Browser
) -> None:
    tab = await server.visitor(token=victim.token, identity_token=token("anna"))
    assert any(SECRET_WORDS in text for text in tab.shown())
    out = await victim.do("sign_out", {})
    await until(lambda: not tab.client.namespaces)
    problem = await _problem(server, token=victim.token)
    assert problem["type"] == "/problems/visitor-token"
    problem = await _problem(server, token=victim.token, identity_token=token("anna"))
    assert problem["type"] == "/problems/visitor-token"
    following = await server.visitor(token=out["token"])
    assert following.shown() == []
    await sees_nothing(server, following)
    assert await server.write("twilio_sms", PHONE, "Fortfarande jag") == 200
    await server.idle()
    assert following.texts() == []


async def test_two_log_ins_on_one_browser_stay_two(server: House, victim: Browser) -> None:
    given = token("bo")
    answer = await victim.sign_in(given)
    assert answer["rotated"] is True
    following = await server.visitor(token=answer["token"], identity_token=given)
    assert following.told("welcome")[0]["sign_in"]["ok"] is True
    shown = await opened(server, following)
    assert not any(SECRET_WORDS in text for text in shown)
    mine = {one["channel"]: one["label"] for one in await following.linked()}
    assert set(mine) == {"webchat", "login"}
    threads = {
        one.address.user: one.thread
        for one in server.store.memory.identities.values()
        if one.address.channel == "login"
    }
    assert threads["anna"] != threads["bo"]


# --- codes -----------------------------------------------------------------------------------


async def test_codes_are_not_guessed(server: House, victim: Browser) -> None:
    offer = await victim.do("continue", {"channel": "telegram", "account": "demo"})
    attacker = await server.visitor()
    for number in range(30):
        code = new_code()
        assert code != offer["code"]
        ways: list[tuple[str, dict[str, object]]] = [
            ("message", {"id": f"g{number}", "text": code}),
            ("message", {"id": f"g{number}", "text": f"kod {code.replace('-', '')}"}),
            ("press", {"id": f"g{number}", "payload": "x", "title": code}),
            ("form", {"id": f"g{number}", "fields": {"code": code}, "text": code}),
            ("started", {"id": f"g{number}", "ref": code}),
        ]
        event, data = ways[number % len(ways)]
        answer = await attacker.do(event, data)
        if number < 20:
            assert answer["ok"] is True
        else:
            assert answer["problem"]["type"] == "/problems/too-many-codes"
    # Another visitor from the same address has no more tries; but all else goes on.
    other = await server.visitor()
    answer = await other.say(new_code(), key="m1")
    assert answer["problem"]["status"] == 403
    assert (await other.say("Hej", key="m2"))["ok"] is True
    await sees_nothing(server, attacker)


async def test_ten_thousand_guesses_are_twenty(victim_server: House) -> None:
    """From one address twenty codes an hour are looked at; no other reaches the hub."""
    server = victim_server
    victim, attacker = await server.visitor(), await server.visitor()
    await victim.say(SECRET_WORDS, key="m1")
    await until(lambda: bool(victim.texts("bot")))
    offers = [await victim.do("continue", SMS) for _ in range(3)]
    counted: Counter[str] = Counter()
    for start in range(0, 10_000, 500):
        guesses = [new_code() for _ in range(500)]
        assert not {offer["code"] for offer in offers} & set(guesses)
        answers = await asyncio.gather(
            *(attacker.say(guess, key=f"g{start + n}") for n, guess in enumerate(guesses))
        )
        counted.update(one["problem"]["type"] if not one["ok"] else "taken" for one in answers)
    assert counted == {"taken": 20, "/problems/too-many-codes": 9_980}
    assert await links(server) == 0
    said = [one.body for one in server.store.memory.entries if isinstance(one.body, MessageIn)]
    assert len(said) <= 1 + 20


async def test_one_visitor_tries_five_codes_and_then_the_right_one_is_wrong_too(
    server: House,
) -> None:
    attacker = await server.visitor()
    for number in range(5):
        await attacker.say(new_code(), key=f"g{number}")
    assert (await attacker.do("prove", {**SMS, "address": PHONE}))["ok"] is True
    code = await _sms_code(server)
    await attacker.say(code, key="right")
    await until(lambda: len(_refusals(attacker)) == 6)
    assert await links(server) == 0


async def test_the_code_of_somebody_else_opens_nothing(server: House, victim: Browser) -> None:
    """A code was sent to the victim's phone, for the visitor who asked; another types it."""
    asking = await server.visitor()
    assert (await asking.do("prove", {**SMS, "address": PHONE}))["ok"] is True
    code = await _sms_code(server)
    thief = await server.visitor()
    await thief.say(code, key="m1")
    await until(lambda: bool(_refusals(thief)))
    await sees_nothing(server, thief)
    # And used by whoever asked, the victim's past stays the victim's: only a yes there opens it.
    await asking.say(code, key="m1")
    await until(lambda: len(server.store.memory.links) == 3)
    assert not any(SECRET_WORDS in text for text in await opened(server, asking))
    proofs = [made.link.proof for made in server.store.memory.links.values()]
    assert proofs.count(Proof.OTP) == 1


async def test_a_used_code_opens_nothing(server: House, victim: Browser) -> None:
    offer = await victim.do("continue", SMS)
    await server.bring("+46701740699", offer["code"])
    await until(lambda: len(server.store.memory.links) == 3)
    for number in ("+46701740698", "+46701740699"):
        assert await server.write("twilio_sms", number, offer["code"]) == 200
    await server.idle()
    await asyncio.sleep(0.2)
    assert await links(server) == 3


async def test_channels_of_others_cannot_be_named(server: House, victim: Browser) -> None:
    """By what they are called elsewhere, by our own ids, or by guessing: all are unknown alike."""
    attacker = await server.visitor()
    await attacker.say("Hej", key="m1")
    names = [one["identity"] for one in await victim.linked()]
    answers = []
    for name in [*names, *server.store.memory.identities, "0" * 32]:
        answer = await attacker.do("unlink", {"identity": name})
        answers.append(json.dumps(answer, sort_keys=True))
    assert len(set(answers)) == 1
    assert '"status": 404' in answers[0]
    assert len(await victim.linked()) == 3
    await sees_nothing(server, attacker)


# --- webhooks --------------------------------------------------------------------------------

_SMS_FORM = {"MessageSid": "SM9", "From": PHONE, "To": "+46766860000"}


def _webhooks(text: str) -> dict[str, tuple[str, dict[str, str], bytes]]:
    """What a provider would send of the victim; whose signature is left out, empty or made up."""
    form = urlencode({**_SMS_FORM, "Body": text}).encode()
    update = {
        "update_id": 9,
        "message": {
            "message_id": 9,
            "date": int(NOW),
            "chat": {"id": 77, "type": "private"},
            "from": {"id": 77, "is_bot": False, "first_name": "Anna"},
            "text": text,
        },
    }
    messaging = {"sender": {"id": "7001"}, "recipient": {"id": "100"}, "timestamp": 1}
    event = {**messaging, "message": {"mid": "m9", "text": text}}
    page = {"object": "page", "entry": [{"id": "100", "time": 1, "messaging": [event]}]}
    as_form = {"Content-Type": "application/x-www-form-urlencoded"}
    as_json = {"Content-Type": "application/json"}
    sha = hmac.new(b"", json.dumps(page).encode(), hashlib.sha256).hexdigest()
    by_no_key = base64.b64encode(hmac.new(b"", form, hashlib.sha1).digest()).decode()
    return {
        "sms, unsigned": ("twilio_sms", as_form, form),
        "sms, empty": ("twilio_sms", {**as_form, "X-Twilio-Signature": ""}, form),
        "sms, by no key": ("twilio_sms", {**as_form, "X-Twilio-Signature": by_no_key}, form),
        "telegram, unsigned": ("telegram", as_json, json.dumps(update).encode()),
        "telegram, empty": (
            "telegram",
            {**as_json, "X-Telegram-Bot-Api-Secret-Token": ""},
            json.dumps(update).encode(),
        ),
        "messenger, unsigned": ("messenger", as_json, json.dumps(page).encode()),
        "messenger, empty": (
            "messenger",
            {**as_json, "X-Hub-Signature-256": "sha256="},
            json.dumps(page).encode(),
        ),
        "messenger, by no key": (
            "messenger",
            {**as_json, "X-Hub-Signature-256": f"sha256={sha}"},
            json.dumps(page).encode(),
        ),
    }


@pytest.mark.parametrize("kind", _webhooks(""))
async def test_nobody_writes_in_a_providers_name(kind: str, server: House, victim: Browser) -> None:
    """Neither the attacker's own code nor a word about links comes in without a signature."""
    attacker = await server.visitor()
    await attacker.say("Hej", key="m1")
    channel = _webhooks("")[kind][0]
    offer = await attacker.do("continue", {"channel": channel, "account": "demo"})
    before = (dict(server.store.memory.identities), dict(server.store.memory.events))
    for said in (offer["code"], "JA", "STOPP KOPPLING"):
        _, headers, body = _webhooks(said)[kind]
        url = f"{server.base}/webhooks/{channel}/demo"
        async with server.http.post(url, data=body, headers=headers) as got:
            assert got.status in {401, 403}, await got.text()
    assert (server.store.memory.identities, server.store.memory.events) == before
    assert len(await victim.linked()) == 3
    await sees_nothing(server, attacker)


async def test_a_code_that_the_victim_was_talked_into_sending_shows_what_is_new_until_no(
    server: House, victim: Browser
) -> None:
    """R5, at a page that is open all the while: shown as it comes, and gone after the word."""
    telegram = {"channel": "telegram", "account": "demo"}
    assert await server.write("telegram", "77", SECRET_WORDS) == 200
    await until(lambda: "telegram" in _channels(server))
    attacker = await server.visitor()
    await attacker.say("Hej", key="m1")
    offer = await attacker.do("continue", telegram)
    assert await server.write("telegram", "77", offer["code"]) == 200
    await server.phone_shows("telegram", "77", "Svara JA eller NEJ")
    assert not any(SECRET_WORDS in text for text in await opened(server, attacker))
    assert await server.write("telegram", "77", "Nytt ett") == 200
    await attacker.hears("Nytt ett")
    assert await server.write("telegram", "77", "Stopp koppling.") == 200
    await until(lambda: bool(attacker.told("reset")))
    shown = await opened(server, attacker)
    assert "Nytt ett" not in shown
    assert await server.write("telegram", "77", SECRET_WORDS + " igen") == 200
    await server.idle()
    assert not any(SECRET_WORDS in text for text in attacker.texts())
    assert {one["channel"] for one in await attacker.linked()} == {"webchat"}


def _channels(server: House) -> set[str]:
    return {one.address.channel for one in server.store.memory.identities.values()}


def _refusals(browser: Browser) -> list[str]:
    return [text for text in browser.texts("system") if "kod" in text.lower()]


async def _sms_code(server: House) -> str:
    code = re.compile(r"[2-9A-HJ-NP-Z]{4}-[2-9A-HJ-NP-Z]{4}")

    async def found() -> list[str]:
        texts = [
            one["text"] for one in await server.screen("twilio_sms", PHONE) if one["side"] == "them"
        ]
        return [match[0] for text in texts if (match := code.search(text))]

    async def came() -> bool:
        return bool(await found())

    await until(came)
    return (await found())[-1]
