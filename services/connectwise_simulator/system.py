"""The site about itself."""

from connectwise_simulator import version
from connectwise_simulator.call import Answer, Call
from connectwise_simulator.jsonwire import dumps


def info(call: Call, _ids: tuple[int, ...]) -> Answer:
    """Version, kind and time zone."""
    found = {
        "version": f"v{version.CURRENT[0]}.{version.CURRENT[1]}.1",
        "isCloud": call.site.is_cloud,
        "serverTimeZone": call.site.clock.zone.key,
        "licenseBits": [],
        "cloudRegion": "NA",
    }
    return Answer(200, dumps(found))
