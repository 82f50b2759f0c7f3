"""Settings and parts of services that call ConnectWise."""

from pydantic import Field

from delivery import Pace
from servicekit.settings import ServiceSettings
from storage import Database
from tenancy import Keyring, Sites


class SiteSettings(ServiceSettings):
    """What a service that calls ConnectWise may be told."""

    # ConnectWise counts about 1,000 calls a minute and site over all callers; the services' shares sum to at most that.
    calls_per_minute: int = Field(150, gt=0, description="this service's share of a site's budget")
    claim_validity: float = Field(15, gt=0, description="seconds within which a claimed request must leave")
    call_deadline: float = Field(30, gt=0, description="the longest a request may take, in seconds")
    late_apply: float = Field(240, ge=0, description="how many seconds later the site may still apply a request")
    list_lag: float = Field(15, ge=0, description="how many seconds later the site's lists may lack a new record")
    lanes: int = Field(20, gt=0, description="agreements that are written to at the same time")

    def pace(self) -> Pace:
        """How long delivery trusts and waits."""
        return Pace(self.claim_validity, self.call_deadline, self.late_apply, self.list_lag, lanes=self.lanes)

    def keyring(self) -> Keyring:
        """The deployment's sealing keys; ValueError where none are given."""
        if self.sealing_keys is None:
            raise ValueError("PSABRIDGE_SEALING_KEYS is needed by services that call ConnectWise")
        return Keyring.read(self.sealing_keys)

    def sites(self, db: Database) -> Sites:
        """Clients of the tenants' sites at this service's share."""
        return Sites(
            db,
            self.keyring(),
            calls_per_minute=self.calls_per_minute,
            deadline=self.call_deadline,
            allow_loopback=self.allow_loopback_sites,
        )
