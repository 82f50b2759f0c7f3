"""What customer_import is told by its environment."""

from pydantic import Field

from servicekit import SiteSettings


class Settings(SiteSettings):
    """It reads long lists, but in pages of 500: 10,000 agreements are 20 calls."""

    calls_per_minute: int = Field(150, gt=0, description="this service's share of a site's budget")
