"""What a token of the business's own log-in must say, and by which key."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pydantic import ValidationError

from bot.edge.clock import SystemClock
from bot.edge.problems import Refusal
from bot.edge.realms import IdentitySettings, Realm
from bot.edge.signing import Signing
from bot.hub.blocked import is_nobodys
from bot.hub.signing_in import SignedLogin
from bot.model.channel import Address
from tests.edge.tokens import (
    NEXT_SECRET,
    OTHER_SECRET,
    SECRET,
    claims,
    ec_key,
    private_pem,
    public_pem,
    realm,
    rsa_key,
    signed,
    token,
)

NOW = time.time()


def read(given: str, *, account: str = "demo", issuer: str | None = None) -> SignedLogin:
    signing = Signing({"shop": realm(issuer=issuer)}, clock=SystemClock())
    return signing.read(given, account=account)


def why(given: str, *, account: str = "demo", issuer: str | None = None) -> str:
    """What is said of a token that is refused: one line, and the same kind of problem."""
    with pytest.raises(Refusal) as refused:
        read(given, account=account, issuer=issuer)
    problem = refused.value.problem()
    assert (problem.status, problem.type) == (401, "/problems/identity-token")
    head, _, told = problem.detail.partition("This log-in is not taken. ")
    assert head == ""
    assert "\n" not in told
    return told


def _part(value: object) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


# --- right -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kid", ["hs", "hs-next", "rs", "es"])
def test_every_key_of_a_realm_proves(kid: str) -> None:
    said = claims("kund 17", jti="j1")
    keys = {"hs-next": NEXT_SECRET, "rs": private_pem(rsa_key()), "es": private_pem(ec_key())}
    algorithm = {"rs": "RS256", "es": "ES256"}.get(kid, "HS256")
    proved = read(signed(said, keys.get(kid, SECRET), algorithm, kid=kid))
    assert proved.login == Address(channel="login", account="shop", user="kund 17")
    assert proved.name == "Anna Lind"
    assert isinstance(said["exp"], int)
    assert proved.until == datetime.fromtimestamp(said["exp"], UTC) + timedelta(seconds=30)
    assert "j1" not in proved.proof


def test_several_may_be_meant_and_clocks_may_differ_a_little() -> None:
    read(token(aud=["other", "samtal"]))
    now = time.time()
    read(token(iat=now + 20, exp=now + 600))
    read(token(iat=now - 600, exp=now - 20))
    read(token(nbf=now + 20))
    read(token(iss="whoever"))
    read(token(iss="shop"), issuer="shop")


def test_the_key_alone_says_which_realm_it_is() -> None:
    b2b = realm(audience="b2b", keys=[{"kid": "b", "algorithm": "HS256", "secret": OTHER_SECRET}])
    signing = Signing({"shop": realm(), "b2b": b2b}, clock=SystemClock())
    by_b2b = signed(claims(aud="b2b", jti="j"), OTHER_SECRET, kid="b")
    assert signing.read(by_b2b, account="demo").login.account == "b2b"
    one, other = (signing.read(given, account="demo").proof for given in (by_b2b, token(jti="j")))
    assert one != other  # two businesses number their own


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (None, None),
        ("", None),
        ("undefined", None),
        (" Anna\n\tLind\u202e ", "Anna Lind"),
        ("x" * 300, "x" * 200),
    ],
)
def test_a_name_is_only_shown(given: str | None, shown: str | None) -> None:
    assert read(token(name=given)).name == shown


# --- wrong -----------------------------------------------------------------------------------


WRONG = [
    (token(aud="other"), "somebody else (aud)"),
    (token(aud=["other"]), "somebody else (aud)"),
    (token(aud=None), "whom it is for (aud)"),
    (token(aud=[]), "whom it is for (aud)"),
    (token(aud=7), "aud is of the wrong kind"),
    (token(exp=None), "until when it is good (exp)"),
    (token(iat=None), "when it was made (iat)"),
    (token(iat=NOW - 700, exp=NOW - 60), "has expired (exp)"),
    (token(iat=NOW + 3000, exp=NOW + 3600), "made in the future (iat)"),
    (token(nbf=NOW + 3000), "not good yet (nbf)"),
    (token(exp=NOW + 7200), "at most 3600 s"),
    (token(exp="soon"), "exp is of the wrong kind"),
    (token(exp=str(NOW + 600)), "exp is of the wrong kind"),
    (token(exp=float("inf")), "exp is of the wrong kind"),
    (token(exp=float("nan")), "exp is of the wrong kind"),
    (token(exp=1e300), "exp is of the wrong kind"),
    (token(jti=None), "has no jti"),
    (token(jti=""), "has no jti"),
    (signed({**claims(), "sub": None}, SECRET), "who it is (sub)"),
    (signed({**claims(), "sub": 17}, SECRET), "sub is of the wrong kind"),
    (token("x" * 256), "no plain text"),
    (token(" anna"), "no plain text"),
    (token("an\u0000na"), "no plain text"),
    (token("an\u202ena"), "no plain text"),
    (token(kid=None), "does not name its key"),
    (token(kid="unknown"), "key (kid) is not known"),
    (token()[:-3] + "AAA", "signature is not right"),
    (signed(claims(), OTHER_SECRET), "signature is not right"),
    (signed(claims(), SECRET * 2, "HS512"), "its key's algorithm, HS256"),
    (signed(claims(), private_pem(rsa_key()), "RS512", kid="rs"), "its key's algorithm, RS256"),
    (signed(claims(), NEXT_SECRET, kid="hs"), "signature is not right"),
    ("", "no JSON Web Token"),
    ("a.b.c", "no JSON Web Token"),
    ("x" * 8000, "no JSON Web Token"),
    (token().rpartition(".")[0] + ".", "signature is not right"),
    (token().rpartition(".")[0], "no JSON Web Token"),
]


# Tokens are other ones each time: what is said of them names the case.
@pytest.mark.parametrize(("given", "told"), WRONG, ids=[told for _, told in WRONG])
def test_what_is_wrong_is_refused_and_said(given: str, told: str) -> None:
    assert told in why(given)


@pytest.mark.parametrize("algorithm", ["none", "None", "nOnE", ""])
def test_an_unsigned_token_is_refused(algorithm: str) -> None:
    for kid in ("hs", "rs"):
        head = _part({"alg": algorithm, "typ": "JWT", "kid": kid})
        body = _part(claims())
        for last in ("", "AAAA"):
            assert "its key's algorithm" in why(f"{head}.{body}.{last}")


def test_a_public_key_is_no_secret() -> None:
    """The public key is everybody's: as the secret of an HS256 it would sign for anybody."""
    pem = public_pem(rsa_key().public_key())
    first = f"{_part({'alg': 'HS256', 'kid': 'rs'})}.{_part(claims())}"
    mac = hmac.new(pem.encode(), first.encode(), hashlib.sha256).digest()
    assert "its key's algorithm, RS256" in why(f"{first}.{_part(mac)}")


def test_another_chat_or_issuer_takes_nothing() -> None:
    assert "not known here" in why(token(), account="other")
    assert "somebody else (iss)" in why(token(iss="shop"), issuer="another")
    assert "somebody else (iss)" in why(token(), issuer="another")


@pytest.mark.parametrize(
    "sub",
    ["", " ", "null", "NULL", "undefined", "0", "000000", "0.0", "anonymous", "Anonymous", "test",
     "[object Object]", "none", "None", "NaN", "guest", "unknown", "-", "false"],
)  # fmt: skip
def test_a_sub_that_a_fault_fills_in_is_nobody(sub: str) -> None:
    assert "nobody in particular" in why(token(sub))


def test_what_somebody_is_called_is_no_fault() -> None:
    for sub in ("1", "test1", "nullman", "anna@example.com", "10", "auth0|5f7c8e"):
        assert not is_nobodys(sub)
        read(token(sub))


# --- settings --------------------------------------------------------------------------------


def test_keys_that_are_too_weak_are_refused() -> None:
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - the point
    weak = public_pem(short.public_key())
    curve = public_pem(ec.generate_private_key(ec.SECP384R1()).public_key())
    right = public_pem(rsa_key().public_key())
    for algorithm, pem in (("RS256", weak), ("RS256", curve), ("ES256", curve), ("ES256", right)):
        with pytest.raises(ValidationError, match="public_key"):
            realm(keys=[{"kid": "k", "algorithm": algorithm, "public_key": pem}])


def test_two_realms_of_one_chat_name_their_keys_apart() -> None:
    IdentitySettings(realms={"one": realm(), "two": realm(accounts=("other",))})
    with pytest.raises(ValidationError, match="same kid"):
        IdentitySettings(realms={"one": realm(), "two": realm()})


def test_a_secret_is_never_shown() -> None:
    shown = repr(realm()) + str(realm().model_dump())
    assert SECRET not in shown
    assert isinstance(realm(), Realm)
