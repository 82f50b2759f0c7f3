"""The envelope around every fact, and its way to bytes and back."""

from datetime import UTC, datetime
from typing import Generic, TypeVar
from uuid import UUID, uuid4

from pydantic import BaseModel, ConfigDict, Field

from contracts.values import TenantId

DataT_co = TypeVar("DataT_co", bound="Data", covariant=True)


class Data(BaseModel):
    """What an event says. Unknown members are ignored: within a major, changes only add."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Event(BaseModel, Generic[DataT_co]):
    """One fact: who said what about which entity, when, and because of what.

    `entity_version` orders the facts of one key; an older one than was seen is ignored.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: UUID = Field(default_factory=uuid4)
    type: str
    version: int = 1
    entity_version: int = 0
    tenant_id: TenantId
    subject: str
    occurred_at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    correlation_id: str = ""
    causation_id: str = ""
    data: DataT_co
