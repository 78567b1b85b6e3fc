"""A visitor's token: a random id of ours with our signature, kept by the browser."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets

from pydantic import SecretStr

_BYTES = 16
_TOKEN = re.compile(r"([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})")


class VisitorTokens:
    """Makes tokens and knows its own; a token is good for one web chat account."""

    def __init__(self, secret: SecretStr) -> None:
        # A key of its own, so that no signature made elsewhere with the secret is a token.
        self._key = hashlib.blake2b(
            secret.get_secret_value().encode(), person=b"samtal visitor"
        ).digest()

    def new_visitor(self) -> str:
        """A random opaque id, 128 bits."""
        return secrets.token_urlsafe(_BYTES)

    def sign(self, visitor: str, *, account: str) -> str:
        """The token of a visitor."""
        return f"{visitor}.{self._signature(visitor, account)}"

    def visitor(self, token: str, *, account: str) -> str | None:
        """The visitor whose token this is, or None when we never signed it."""
        match = _TOKEN.fullmatch(token)
        if match is None:
            return None
        right = hmac.compare_digest(match[2], self._signature(match[1], account))
        return match[1] if right else None

    def _signature(self, visitor: str, account: str) -> str:
        mac = hmac.new(self._key, f"{account}\n{visitor}".encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(mac.digest()).rstrip(b"=").decode()
