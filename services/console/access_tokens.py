"""Short-lived tokens for one service: what an API token is swapped for."""

import time

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from servicekit import Principal
from servicekit.access import ISSUER

# Long enough for a request to arrive; a copied one is worth little.
LIVES_SECONDS = 60


class AccessTokens:
    """The only issuer. Raises ValueError for a key that is no Ed25519 key."""

    def __init__(self, private_key: bytes) -> None:
        key = load_pem_private_key(private_key, password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError("PSABRIDGE_CONSOLE_PRIVATE_KEY is not an Ed25519 key")  # noqa: TRY004 (a bad setting)
        self._key = key

    def sign(self, principal: Principal, audience: str) -> str:
        """A token that only this service accepts, for a minute."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": audience,
            "sub": principal.subject,
            "tenant": principal.tenant_id,
            "permissions": sorted(principal.permissions),
            "operator": principal.operator,
            "iat": now,
            "exp": now + LIVES_SECONDS,
        }
        return jwt.encode(claims, self._key, "EdDSA")
