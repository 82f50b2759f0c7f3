"""What sync_workflow is told by its environment."""

from servicekit import ServiceSettings


class Settings(ServiceSettings):
    """Nothing beyond what every service is told: it calls nobody."""
