"""API tokens: what people and programs show at the door."""

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from typing import Self

ID_BYTES = 6
SECRET_BYTES = 32

# The prefix lets scanners of leaked secrets recognise one.
_FORM = re.compile(rf"psab_([0-9a-f]{{{2 * ID_BYTES}}})_([0-9a-f]{{{2 * SECRET_BYTES}}})")


@dataclass(frozen=True, slots=True)
class ApiToken:
    """`psab_<id>_<secret>`: the id finds it, the secret proves it; only the secret's digest is ever stored."""

    token_id: str
    secret: str = field(repr=False)

    @classmethod
    def made_of(cls, token_id: bytes, secret: bytes) -> Self:
        """A new one, of 6 and 32 random bytes. ValueError for another number."""
        if (len(token_id), len(secret)) != (ID_BYTES, SECRET_BYTES):
            raise ValueError(f"a token is made of {ID_BYTES} and {SECRET_BYTES} bytes")
        return cls(token_id.hex(), secret.hex())

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read what `text` gave; None for anything else."""
        found = _FORM.fullmatch(text)
        return cls(found[1], found[2]) if found else None

    @property
    def text(self) -> str:
        """As it is shown once, to whoever made it."""
        return f"psab_{self.token_id}_{self.secret}"

    @property
    def digest(self) -> bytes:
        """What is stored. A plain hash is enough for 256 random bits: there is nothing to guess."""
        return hashlib.sha256(self.secret.encode()).digest()

    def proves(self, digest: bytes) -> bool:
        """Whether the digest is of this token's secret."""
        return hmac.compare_digest(self.digest, digest)
