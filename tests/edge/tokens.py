"""A shop's own log-in: its keys, and the tokens that it makes, right and wrong."""

from __future__ import annotations

import json
import time
from functools import cache
from itertools import count
from typing import TYPE_CHECKING

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from bot.edge.realms import Realm

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

SECRET = "a secret that the shop and the chat share"
NEXT_SECRET = "the secret that takes over from the first"
OTHER_SECRET = "a secret of somebody else, who is not us"
AUDIENCE = "samtal"
_numbers = count(1)


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def public_pem(key: PublicKeyTypes) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(serialization.Encoding.PEM, form).decode()


def private_pem(key: PrivateKeyTypes) -> str:
    encryption = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, encryption).decode()


def realm(*, accounts: tuple[str, ...] = ("demo",), **other: object) -> Realm:
    """The shop's log-in: two secrets, one taking over from the other, and both kinds of keys."""
    keys = [
        {"kid": "hs", "algorithm": "HS256", "secret": SECRET},
        {"kid": "hs-next", "algorithm": "HS256", "secret": NEXT_SECRET},
        {"kid": "rs", "algorithm": "RS256", "public_key": public_pem(rsa_key().public_key())},
        {"kid": "es", "algorithm": "ES256", "public_key": public_pem(ec_key().public_key())},
    ]
    said = {"accounts": accounts, "audience": AUDIENCE, "keys": keys}
    return Realm.model_validate({**said, **other})


def claims(sub: str = "anna", **other: object) -> dict[str, object]:
    """What a right token says, each with a jti of its own; None leaves a claim out."""
    now = int(time.time())
    said: dict[str, object] = {
        "sub": sub,
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + 3000,
        "jti": f"token-{next(_numbers)}",
        "name": "Anna Lind",
        **other,
    }
    return {name: value for name, value in said.items() if value is not None}


def token(sub: str = "anna", *, kid: str | None = "hs", **other: object) -> str:
    """A token signed by the key it names."""
    keys: dict[str | None, tuple[str, str]] = {
        "hs-next": (NEXT_SECRET, "HS256"),
        "rs": (private_pem(rsa_key()), "RS256"),
        "es": (private_pem(ec_key()), "ES256"),
    }
    key, algorithm = keys.get(kid, (SECRET, "HS256"))
    return signed(claims(sub, **other), key, algorithm, kid=kid)


def signed(
    said: dict[str, object], key: str, algorithm: str = "HS256", *, kid: str | None = "hs"
) -> str:
    """Any claims, by any key."""
    # PyJWT itself refuses to make some of what has to be refused.
    return jwt.PyJWS().encode(
        json.dumps(said).encode(),
        key,
        algorithm=algorithm,
        headers={} if kid is None else {"kid": kid},
    )
