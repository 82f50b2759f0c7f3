"""What billing_intake is told by its environment."""

from servicekit import ServiceSettings


class Settings(ServiceSettings):
    """Nothing beyond what every service is told."""
