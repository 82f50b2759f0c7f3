"""What setup_validation is told by its environment."""

from pydantic import Field

from servicekit import SiteSettings


class Settings(SiteSettings):
    """A check makes about a dozen calls, one after the other: at this share in five seconds."""

    # At 50 the same takes 15 s, which a person who has just entered a key spends waiting.
    calls_per_minute: int = Field(140, gt=0, description="this service's share of a site's budget")
