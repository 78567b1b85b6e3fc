"""What a browser calls an identity: our own id is a hash of the address, and can be guessed."""

from __future__ import annotations

import hashlib
import hmac

from pydantic import SecretStr

from bot.model.ids import IdentityId


class Handles:
    """Opaque names of identities, of each visitor's own: nothing can be read from one."""

    def __init__(self, secret: SecretStr) -> None:
        self._key = hashlib.blake2b(
            secret.get_secret_value().encode(), person=b"samtal handles"
        ).digest()

    def of(self, identity: IdentityId, *, visitor: IdentityId) -> str:
        """The name by which this visitor's browser knows the identity."""
        mac = hmac.new(self._key, f"{visitor}\n{identity}".encode(), hashlib.sha256)
        return mac.hexdigest()[:32]
