"""Signed log-ins: the business's own word for who a visitor is, proved by its key (rule R7)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

import jwt
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from bot.edge.problems import Refusal
from bot.edge.realms import Realm, SigningKey
from bot.hub.blocked import is_nobodys
from bot.hub.signing_in import SignedLogin
from bot.model.channel import LOGIN, Address
from bot.model.value import AwareDatetime
from bot.ports import Clock

LONGEST_TOKEN = 8192  # characters
_LONGEST_NAME = 200
_LONGEST_SUB = 255
# 0 and the year 9999: no moment beyond these can be told.
_Moment = Annotated[float, Field(ge=0, lt=253_402_300_800, allow_inf_nan=False, strict=True)]
_Text = Annotated[str, StringConstraints(strict=True)]


class _Claims(BaseModel):
    """What we look at in a token; the rest is the business's own."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    sub: _Text | None = None
    aud: _Text | tuple[_Text, ...] | None = None
    iss: _Text | None = None
    exp: _Moment | None = None
    iat: _Moment | None = None
    nbf: _Moment | None = None
    jti: _Text | None = None
    name: _Text | None = None


class Signing:
    """Checks tokens: each fault has its one line, and nobody is let in half."""

    def __init__(self, realms: Mapping[str, Realm], *, clock: Clock) -> None:
        self._realms = realms
        self._clock = clock

    def read(self, token: str, *, account: str) -> SignedLogin:
        """What the token of a visitor of this web chat account proves; raises Refusal."""
        name, realm, key = self._key(token, account)
        claims = _claims(token, key)
        until = self._times(claims, realm)
        _addressed(claims, realm)
        sub = _subject(claims)
        if not claims.jti:
            raise _refused("It has no jti.")
        return SignedLogin(
            login=Address(channel=LOGIN, account=name, user=sub),
            name=_shown_name(claims.name),
            proof=hashlib.sha256(f"{name}\n{claims.jti}".encode()).hexdigest(),
            until=until,
        )

    def _key(self, token: str, account: str) -> tuple[str, Realm, SigningKey]:
        """The key that the token names, among those for this account."""
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError:
            raise _refused("It is no JSON Web Token.") from None
        kid = header.get("kid")
        if not kid:
            raise _refused("It does not name its key (kid).")
        for name, realm in self._realms.items():
            if account not in realm.accounts:
                continue
            for key in realm.keys:
                if key.kid == kid:
                    return name, realm, key
        raise _refused("Its key (kid) is not known here.")

    def _times(self, claims: _Claims, realm: Realm) -> AwareDatetime:
        """Until when it is good; raises Refusal when it is not good now, or for too long."""
        if claims.exp is None:
            raise _refused("It does not say until when it is good (exp).")
        if claims.iat is None:
            raise _refused("It does not say when it was made (iat).")
        now, leeway = self._clock.now().timestamp(), realm.leeway.total_seconds()
        if claims.exp <= now - leeway:
            raise _refused("It has expired (exp).")
        if claims.iat > now + leeway:
            raise _refused("It was made in the future (iat); look at the clocks.")
        if claims.nbf is not None and claims.nbf > now + leeway:
            raise _refused("It is not good yet (nbf).")
        longest = realm.longest.total_seconds()
        if claims.exp - claims.iat > longest:
            raise _refused(f"It is good for too long: from iat to exp at most {longest:g} s.")
        return datetime.fromtimestamp(claims.exp + leeway, UTC)


def _claims(token: str, key: SigningKey) -> _Claims:
    """What it says, once its signature is proved, by this key's algorithm alone."""
    try:
        decoded = jwt.PyJWS().decode_complete(token, key.material, algorithms=[key.algorithm])
    except jwt.InvalidAlgorithmError:
        raise _refused(f"It is not signed by its key's algorithm, {key.algorithm}.") from None
    except jwt.InvalidSignatureError:
        raise _refused("Its signature is not right.") from None
    except jwt.PyJWTError:
        raise _refused("It is no JSON Web Token.") from None
    try:
        return _Claims.model_validate_json(decoded["payload"])
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = next((str(step) for step in first["loc"]), "")
        told = (
            f"Its {where} is of the wrong kind." if where else "It says nothing that can be read."
        )
        raise _refused(told) from None


def _addressed(claims: _Claims, realm: Realm) -> None:
    audience = (claims.aud,) if isinstance(claims.aud, str) else claims.aud
    if not audience:
        raise _refused("It does not say whom it is for (aud).")
    if realm.audience not in audience:
        raise _refused("It is for somebody else (aud).")
    if realm.issuer is not None and claims.iss != realm.issuer:
        raise _refused("It is made by somebody else (iss).")


def _subject(claims: _Claims) -> str:
    sub = claims.sub
    if sub is None:
        raise _refused("It does not say who it is (sub).")
    if is_nobodys(sub):
        raise _refused("Its sub stands for nobody in particular.")
    if len(sub) > _LONGEST_SUB or sub != sub.strip() or not sub.isprintable():
        raise _refused(f"Its sub is no plain text of at most {_LONGEST_SUB} characters.")
    return sub


def _shown_name(name: str | None) -> str | None:
    """The customer's name as it may be shown, or None."""
    if name is None or is_nobodys(name):
        return None
    return " ".join("".join(one if one.isprintable() else " " for one in name).split())[
        :_LONGEST_NAME
    ]


def _refused(why: str) -> Refusal:
    return Refusal(401, f"This log-in is not taken. {why}", slug="identity-token")
