"""One API call as the site sees it, and its answer."""

from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from connectwise_simulator.roles import Role
from connectwise_simulator.site import Actor, Key, Site

JSON = "application/vnd.connectwise.com+json; charset=utf-8"  # as the published document declares every answer
PLAIN_JSON = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Request:
    """What came over the wire. Header names are lower case, the path has no query."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    scheme: str = "http"

    @property
    def root(self) -> str:
        """What links in answers begin with, under the codebase that every site answers to."""
        return f"{self.origin}/v4_6_release/apis/3.0"

    @property
    def url(self) -> str:
        """The address the client used, without the query: Link headers start with it."""
        return self.origin + self.path

    @property
    def origin(self) -> str:
        """Scheme and host, as the client wrote it."""
        return f"{self.scheme}://{self.headers.get('host', '')}"


@dataclass(slots=True)
class Call:
    """A request that is who it says it is: site, role, asked version, query."""

    request: Request
    site: Site
    actor: Actor
    key: Key
    role: Role
    newer: bool  # asked for a version after 2025.1
    query: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        # Parameter names are read in any case; a bare + is a space, as on any server.
        self.query = {k.lower(): v for k, v in parse_qsl(self.request.query, keep_blank_values=True)}


@dataclass(slots=True)
class Answer:
    """Status, body and the headers beyond the usual ones."""

    status: int
    body: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    content_type: str = JSON
    record_id: int | None = None  # of the record answered, for the fault that answers another
