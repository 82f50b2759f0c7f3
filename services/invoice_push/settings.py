"""What invoice_push is told by its environment."""

from pydantic import Field

from servicekit import SiteSettings


class Settings(SiteSettings):
    """The largest share of a site's call budget: it makes a call for every line."""

    calls_per_minute: int = Field(450, gt=0, description="this service's share of a site's budget")
