"""The API itself: from a request to an answer, without the wire and without faults."""

import re
import uuid
from urllib.parse import quote

from connectwise_simulator import resources, security, version
from connectwise_simulator.actions import ACTIONS, ADDRESSES_OF_ACTIONS
from connectwise_simulator.billing import daily
from connectwise_simulator.call import PLAIN_JSON, Answer, Call, Request
from connectwise_simulator.errors import ApiError, not_found, plain
from connectwise_simulator.jsonwire import dumps, error_text
from connectwise_simulator.records import members
from connectwise_simulator.registry import ADDRESSES, route
from connectwise_simulator.site import Actor, Site

_BASE = re.compile(r"/(?P<codebase>[^/]+/)apis/3\.0/(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
_COMPANY_INFO = re.compile(r"/login/companyinfo/([^/]+)/?", re.IGNORECASE)


def rest_of(path: str) -> str | None:
    """The part of a path after `/apis/3.0/`; None for other addresses."""
    match = _BASE.fullmatch(path)
    return match["rest"] if match else None


def company_asked_for(path: str) -> str | None:
    """The company id of a discovery call; None for other addresses."""
    match = _COMPANY_INFO.fullmatch(path)
    return match[1] if match else None


def company_info(site: Site | None) -> Answer:
    """The discovery answer: JSON null for a company nobody knows."""
    if site is None:
        return Answer(200, "null", content_type=PLAIN_JSON)
    info = {
        "CompanyName": site.name,
        "Codebase": site.codebase,
        "VersionCode": site.codebase.rstrip("/").replace("_", "."),
        "VersionNumber": f"v{version.CURRENT[0]}.{version.CURRENT[1]}.1",
        "CompanyID": site.company_id,
        "IsCloud": str(site.is_cloud),
    }
    return Answer(200, dumps(info), content_type=PLAIN_JSON)


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
        ("api-current-version", f"{version.CURRENT[0]}.{version.CURRENT[1]}"),
        ("x-cw-request-id", str(uuid.uuid4())),
        ("x-server-name", "simulator"),
        ("cache-control", "no-cache"),
        ("pragma", "no-cache"),
        ("x-frame-options", "SAMEORIGIN"),
    ]


def _answer(sites: dict[str, Site], request: Request, actor: Actor) -> Answer:
    company = company_asked_for(request.path)
    if company is not None:
        return company_info(sites.get(company.lower()))
    given = security.credentials(request)
    site = sites.get(given[0].lower()) if given else None
    if site is None:
        # Without a site there are no knobs to ask: the usual refusal.
        raise security.refused(401)
    if site.knobs.needs_tls and request.scheme != "https":
        raise plain(403, "Security", "SSL is required.")  # the status is not in any source [assumed]
    key = security.key_of(site, request)
    actor.member = members.member_of(site, key)["identifier"]
    match = _BASE.fullmatch(request.path)
    if match is None:
        raise not_found("The resource")
    if match["codebase"].lower() not in (site.codebase, "v4_6_release/"):
        return _elsewhere(site, request, match)
    site.origin = request.origin
    newer = version.asks_for_newer(request)
    daily.new_day(site)
    call = Call(request, site, actor, key, members.role_of(site, key), newer)
    return _routed(call, match["rest"])


def _elsewhere(site: Site, request: Request, match: re.Match[str]) -> Answer:
    """What the codebase of another release is answered."""
    if site.knobs.old_codebase == "not_found":
        raise not_found("The resource")
    query = f"?{request.query}" if request.query else ""
    there = f"{request.origin}/{site.codebase}apis/3.0/{quote(match['rest'])}{query}"
    return Answer(302, headers=[("location", there)])


def _routed(call: Call, rest: str) -> Answer:
    key, ids = route(rest)
    method = call.request.method
    address = ADDRESSES.get(key)
    if address is not None and (method, key) not in ACTIONS:
        resource, form = address
        verb = resources.VERBS.get((method, form))
        if verb is None:
            raise resources.not_allowed()
        return verb(call, resource, ids)
    action = ACTIONS.get((method, key))
    if action is not None:
        return action(call, ids)
    if key in ADDRESSES_OF_ACTIONS:
        raise resources.not_allowed()
    raise not_found("The resource")
