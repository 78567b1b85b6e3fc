"""The log-ins of the business itself, and the keys that prove their tokens."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import Field, SecretStr, StringConstraints, model_validator

from bot.model.value import Value

SHORTEST_SECRET = 32  # bytes; RFC 7518 asks for as many as the hash has
_SHORTEST_RSA = 2048  # bits

RealmName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
_Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class SigningKey(Value):
    """One key that tokens are signed by; a token names it (`kid`), and nothing else is tried.

    HS256 has a `secret` that both sides keep, RS256 and ES256 the `public_key` as PEM.
    """

    kid: _Text
    algorithm: Literal["HS256", "RS256", "ES256"]
    secret: SecretStr | None = None
    public_key: str | None = None

    @model_validator(mode="after")
    def _fits_its_algorithm(self) -> Self:
        if self.algorithm == "HS256":
            self._check_secret()
        else:
            self._check_public_key()
        return self

    @property
    def material(self) -> str:
        """What signatures are checked with."""
        return self.public_key or (self.secret.get_secret_value() if self.secret else "")

    def _check_secret(self) -> None:
        secret = "" if self.secret is None else self.secret.get_secret_value()
        if self.public_key is not None:
            msg = "HS256 has a secret, not a public_key"
            raise ValueError(msg)
        if len(secret.encode()) < SHORTEST_SECRET:
            msg = f"the secret of HS256 has at least {SHORTEST_SECRET} bytes"
            raise ValueError(msg)
        if "-----BEGIN" in secret:
            msg = "the secret is a PEM key: of such a one RS256 or ES256 have the public_key"
            raise ValueError(msg)

    def _check_public_key(self) -> None:
        if self.secret is not None or self.public_key is None:
            msg = f"{self.algorithm} has a public_key (PEM), not a secret"
            raise ValueError(msg)
        try:
            key = load_pem_public_key(self.public_key.encode())
        except (ValueError, UnsupportedAlgorithm):
            msg = "the public_key is no public key in PEM"
            raise ValueError(msg) from None
        if self.algorithm == "RS256":
            fits = isinstance(key, RSAPublicKey) and key.key_size >= _SHORTEST_RSA
            wanted = f"an RSA key of at least {_SHORTEST_RSA} bits"
        else:
            fits = isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1)
            wanted = "a key on the curve P-256"
        if not fits:
            msg = f"the public_key of {self.algorithm} is {wanted}"
            raise ValueError(msg)


class Realm(Value):
    """One log-in of the business: which chats it is for, and what its tokens must say."""

    accounts: tuple[_Text, ...] = Field(
        min_length=1, description="Web chat accounts that take its tokens."
    )
    audience: _Text = Field(description="What `aud` must name: this chat.")
    issuer: _Text | None = Field(None, description="What `iss` must be; none: anything.")
    keys: tuple[SigningKey, ...] = Field(
        min_length=1, max_length=10, description="Keys; several while one takes over from another."
    )
    longest: timedelta = Field(
        timedelta(hours=1),
        ge=timedelta(minutes=1),
        le=timedelta(days=1),
        description="How long a token may be good for at most, from `iat` to `exp`.",
    )
    leeway: timedelta = Field(
        timedelta(seconds=30),
        ge=timedelta(0),
        le=timedelta(minutes=5),
        description="How far clocks may differ.",
    )

    @model_validator(mode="after")
    def _names_each_key_once(self) -> Self:
        if len({key.kid for key in self.keys}) < len(self.keys):
            msg = "two keys have the same kid"
            raise ValueError(msg)
        return self


class IdentitySettings(Value):
    """How customers are known by the business's own log-ins."""

    realms: dict[RealmName, Realm] = Field(
        default_factory=dict, description="`[identity.realms.<name>]`: log-ins whose tokens count."
    )

    @model_validator(mode="after")
    def _tells_keys_apart(self) -> Self:
        """A token names its key alone: one chat must not know two by the same name."""
        met: set[tuple[str, str]] = set()
        for realm in self.realms.values():
            own = {(account, key.kid) for account in realm.accounts for key in realm.keys}
            if met & own:
                msg = "two realms of one account have keys of the same kid"
                raise ValueError(msg)
            met |= own
        return self
