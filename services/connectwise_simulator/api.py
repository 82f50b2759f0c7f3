"""The API itself: from a request to an answer, without the wire and without faults."""

import re
import uuid

from connectwise_simulator import resources, rules, security
from connectwise_simulator.call import Answer, Call, Request
from connectwise_simulator.errors import ApiError, not_found, plain
from connectwise_simulator.jsonwire import dumps, error_text
from connectwise_simulator.registry import ADDRESSES, route
from connectwise_simulator.schema import Record
from connectwise_simulator.site import Actor, Site

CURRENT_VERSION = (2026, 11)
OLDEST_VERSION = (2024, 1)  # superseded models stay about twelve months; ours stay longer [assumed]
OLDER_MODELS = (2025, 1)

_BASE = re.compile(r"/(?P<codebase>[^/]+/)apis/3\.0/(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
_VERSION = re.compile(r"version\s*=\s*\"?([^\s;,\"]+)", re.IGNORECASE)
_COMPANY_INFO = re.compile(r"/login/companyinfo/([^/]+)/?", re.IGNORECASE)


def rest_of(path: str) -> str | None:
    """The part of a path after `/apis/3.0/`; None for other addresses."""
    match = _BASE.fullmatch(path)
    return match["rest"] if match else None


def company_info(sites: dict[str, Site], path: str) -> Answer | None:
    """The discovery answer, JSON null for a company nobody knows; None if the path is another."""
    match = _COMPANY_INFO.fullmatch(path)
    if match is None:
        return None
    site = sites.get(match[1].lower())
    if site is None:
        return Answer(200, "null")
    info = {
        "CompanyName": site.name,
        "Codebase": site.codebase,
        "VersionCode": site.codebase.rstrip("/").replace("_", "."),
        "VersionNumber": f"v{CURRENT_VERSION[0]}.{CURRENT_VERSION[1]}.1",
        "CompanyID": site.company_id,
        "IsCloud": str(site.is_cloud),
    }
    return Answer(200, dumps(info))


def answer(sites: dict[str, Site], request: Request, actor: Actor) -> Answer:
    """The answer to an API request; refusals are answers too. The actor collects the effects."""
    try:
        found = _answer(sites, request, actor)
    except ApiError as refusal:
        found = Answer(refusal.status, error_text(refusal.body))
    return found


def usual_headers() -> list[tuple[str, str]]:
    """What every answer carries."""
    return [
        ("api-current-version", f"{CURRENT_VERSION[0]}.{CURRENT_VERSION[1]}"),
        ("x-cw-request-id", str(uuid.uuid4())),
        ("cache-control", "no-cache"),
    ]


def _answer(sites: dict[str, Site], request: Request, actor: Actor) -> Answer:
    given = security.credentials(request)
    site = sites.get(given[0].lower()) if given else None
    if site is None:
        # Without a site there are no knobs to ask: the usual refusal.
        raise security.refused(401)
    key = security.key_of(site, request)
    actor.member = key.public
    match = _BASE.fullmatch(request.path)
    if match is None or match["codebase"].lower() not in (site.codebase, "v4_6_release/"):
        raise not_found("The resource")
    newer = _asks_for_newer(request)
    rules.new_day(site)
    call = Call(request, site, actor, site.roles[key.role], newer)
    return _routed(call, match["rest"])


def _routed(call: Call, rest: str) -> Answer:
    key, ids = route(rest)
    method = call.request.method
    address = ADDRESSES.get(key)
    if address is not None:
        resource, form = address
        verb = resources.VERBS.get((method, form))
        if verb is None:
            raise resources.not_allowed()
        return verb(call, resource, ids)
    rows = _system(call, key)
    if rows is None:
        raise not_found("The resource")
    if method != "GET":
        raise resources.not_allowed()
    return Answer(200, dumps(rows))


def _system(call: Call, key: str) -> Record | list[Record] | dict[str, int] | None:
    if key == "system/info":
        return {
            "version": f"v{CURRENT_VERSION[0]}.{CURRENT_VERSION[1]}.1",
            "isCloud": call.site.is_cloud,
            "serverTimeZone": call.site.clock.zone.key,
            "licenseBits": [],
            "cloudRegion": "NA",
        }
    if key in ("system/mysecurity", "system/mysecurity/count"):
        rows = security.my_security(call.site, call.role, call.actor.member)
    elif key in ("system/mysecurity/customizeitems", "system/mysecurity/customizeitems/count"):
        rows = security.customize_items(call.role)
    else:
        return None
    return {"count": len(rows)} if key.endswith("/count") else rows


def _asks_for_newer(request: Request) -> bool:
    """Whether the asked version is newer than 2025.1; no version means the latest. Refuses unknown versions."""
    match = _VERSION.search(request.headers.get("accept", ""))
    if match is None:
        return True
    year, _, number = match[1].partition(".")
    version = (int(year[:4]), int(number[:4])) if year.isdigit() and number.isdigit() else (0, 0)
    if not OLDEST_VERSION <= version <= CURRENT_VERSION:
        raise plain(
            400,
            "ConnectWiseApi",
            f"The HTTP resource that matches the request URI '{request.url}' does not support the API version "
            f"'{match[1]}'.",
        )
    return version > OLDER_MODELS
