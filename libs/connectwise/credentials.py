"""Who calls: an API member's key pair and the integration's clientId."""

from base64 import b64encode
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Credentials:
    """The four parts of an API sign-in; the secret ones never appear in its text form."""

    company_id: str
    public_key: str
    private_key: str = field(repr=False)
    client_id: str = field(repr=False)

    def __post_init__(self) -> None:
        for name in ("company_id", "public_key", "private_key", "client_id"):
            value: str = getattr(self, name)
            # A line break in a header would start another header; HTTP has no way to escape it.
            if not value or not value.isascii() or not value.isprintable() or value != value.strip():
                raise ValueError(f"{name} is empty or contains characters that a key cannot have")

    def headers(self) -> dict[str, str]:
        """Basic authentication with `company+public:private`, the plus literal, and the clientId header."""
        pair = f"{self.company_id}+{self.public_key}:{self.private_key}"
        return {"authorization": f"Basic {b64encode(pair.encode()).decode()}", "clientId": self.client_id}

    def __repr__(self) -> str:
        return f"Credentials(company_id={self.company_id!r}, public_key={self.public_key[:2]!r}..)"
