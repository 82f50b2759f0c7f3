"""What catalog_sync is told by its environment."""

from pydantic import Field

from servicekit import SiteSettings


class Settings(SiteSettings):
    """A call for every new product, and many of them on the first day."""

    calls_per_minute: int = Field(250, gt=0, description="this service's share of a site's budget")
