"""Seals accounts' settings with a key made of the installation's secret."""

from __future__ import annotations

import json
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import JsonValue, SecretStr

_NONCE = 12
_KEY = 32
_PURPOSE = b"samtal channel accounts, 1"

Values = dict[str, JsonValue]


class Sealed:
    """Seals and opens; what is sealed for one account opens for no other."""

    def __init__(self, secret: SecretStr) -> None:
        derived = HKDF(algorithm=SHA256(), length=_KEY, salt=None, info=_PURPOSE)
        self._cipher = AESGCM(derived.derive(secret.get_secret_value().encode()))

    def seal(self, values: Values, *, channel: str, account: str) -> bytes:
        """These settings, readable with the same secret only."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._cipher.encrypt(
            nonce, json.dumps(values).encode(), _name(channel, account)
        )

    def open(self, sealed: bytes, *, channel: str, account: str) -> Values | None:
        """The settings; None when they were sealed with another secret, or were changed."""
        try:
            plain = self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], _name(channel, account))
        except (InvalidTag, ValueError):
            return None
        values: Values = json.loads(plain)
        return values


def _name(channel: str, account: str) -> bytes:
    return f"{channel}/{account}".encode()
