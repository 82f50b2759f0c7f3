"""What the console is told by its environment."""

from pathlib import Path

from pydantic import Field

from servicekit import ServiceSettings


class Settings(ServiceSettings):
    """The key it signs with, where the other services are, and how long it waits for them."""

    console_private_key: Path = Field(description="the Ed25519 key that signs short-lived tokens, PEM")
    sealing_keys: Path = Field(description="the deployment's sealing keys, JSON")
    service_urls: dict[str, str] = Field(description='JSON: {"billing-intake": "http://host:port", ...}')
    # The longest step of a request that is not a stream: a plan over a large document reads some seconds.
    answer_seconds: float = Field(60, gt=0, description="how long a service may be silent before or in its answer")
    caller_seconds: float = Field(30, gt=0, description="how long a caller may be silent in its upload")
    # 256 MB at 5 Mbit/s take 7 minutes.
    exchange_seconds: float = Field(900, gt=0, description="how long one request may take in all")
    largest_upload: int = Field(256 * 1024 * 1024, gt=0, description="bytes of a body that the gateway forwards")
