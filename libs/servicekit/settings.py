"""What every service is told by its environment. Variables are named PSABRIDGE_<FIELD>."""

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from storage import Database
from storage.installation import Watch


class ServiceSettings(BaseSettings):
    """Addresses and secrets that a deployment must give, and the few choices it may make."""

    model_config = SettingsConfigDict(env_prefix="PSABRIDGE_", frozen=True, extra="ignore")

    kafka: str = Field(description="bootstrap servers, host:port[,host:port]")
    database_url: SecretStr = Field(description="the service's database as its app login")
    all_tenants_url: SecretStr = Field(description="the same as its all-tenants login")
    owner_url: SecretStr | None = Field(None, description="the same as its owner; only for --migrate")
    console_public_key: Path = Field(description="the Ed25519 key that checks the console's tokens, PEM")
    sealing_keys: Path | None = Field(None, description="the deployment's sealing keys, JSON")
    installation_id: str = Field(description="this installation's own id; a cloned database has another's")
    group_prefix: str = Field("", description="before consumer groups, for two deployments on one Kafka")
    # Kafka's own default. A killed process's partitions are read again after it; a stack of one machine says less.
    session_seconds: float = Field(45, ge=1, description="how long a consumer may be silent before it counts as gone")
    allow_loopback_sites: bool = Field(False, description="a simulator on this machine is not a public https address")
    log_format: Literal["json", "console"] = "json"
    # Requests of one process rarely hold more than a connection each for milliseconds; seven services share a server.
    connections: int = Field(8, gt=1, description="database connections of each of its two pools")
    # In flight work is at most one HTTP call (30 s deadline) and its result.
    drain_seconds: float = Field(35, gt=0, description="how long SIGTERM waits for what is in flight")

    def database(self) -> Database:
        """The service's database, not yet opened."""
        return Database(
            self.database_url.get_secret_value(),
            self.all_tenants_url.get_secret_value(),
            connections=self.connections,
        )

    def watch(self) -> Watch:
        """Recognises the database, as its restore or its clone."""
        return Watch(self.installation_id)

    def secret_values(self) -> set[str]:
        """What must not appear in a log: each secret, and the password inside one that is an address."""
        values = {value.get_secret_value() for _, value in self if isinstance(value, SecretStr)}
        passwords = {urlsplit(value).password or "" for value in values if "://" in value}
        return (values | passwords) - {""}
