"""Is this call allowed: the caller's key, and the level its role has for the module function."""

import base64

from connectwise_simulator.call import Call, Request
from connectwise_simulator.errors import ApiError, forbidden, plain
from connectwise_simulator.records import members
from connectwise_simulator.registry import SETUP, Resource
from connectwise_simulator.roles import FUNCTIONS, SETUP_TABLES, Role
from connectwise_simulator.schema import Record
from connectwise_simulator.site import Key, Site, reference


def credentials(request: Request) -> tuple[str, str, str] | None:
    """(company id, public key, private key) of a Basic header; the `+` is literal inside it."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except ValueError:  # no base64, not even ASCII, or no UTF-8 in it
        return None
    user, _, private = text.partition(":")
    company, plus, public = user.partition("+")
    return (company, public, private) if plus else None


def key_of(site: Site, request: Request) -> Key:
    """The caller's key; a missing clientId, bad keys and inactive members get the statuses of the site's knobs."""
    given = credentials(request)
    key = site.keys.get(given[1]) if given else None
    if given is None or key is None or key.private != given[2] or key.revoked or not members.is_active(site, key):
        raise refused(site.knobs.bad_auth_status)
    client_id = request.headers.get("clientid")
    allowed = site.knobs.client_ids
    if not client_id or (allowed is not None and client_id.lower() not in allowed):
        raise plain(site.knobs.missing_client_id_status, "Unauthorized", "A valid clientId header is required.")
    return key


def refused(status: int) -> ApiError:
    """Bad authentication: 401, or the 404 that cloud hosts are said to give."""
    if status == 404:  # noqa: PLR2004 - the knob's other value
        return plain(404, "NotFound", "The resource was not found.")
    return plain(401, "Unauthorized", "The username or password is incorrect.")


def level(call: Call, resource: Resource, action: str) -> str:
    """None, My or All for this call; raises 403 where it is None."""
    role = call.role
    if action == "inquire" and resource.open_to_read:
        return "All"
    found = role.level(resource.function, action)
    if resource.function == SETUP and role.setup_tables is not None and resource.table not in role.setup_tables:
        found = "None"
    if found == "None":
        raise forbidden()
    return found


def reaches(call: Call, resource: Resource, granted: str, record: Record) -> bool:
    """Whether the granted level and the role's customised access cover this record.

    "My" is taken as: entered by this member [assumed: an API member owns what it created].
    """
    if granted == "My" and record["_info"]["enteredBy"] != call.actor.member:
        return False
    agreement = record
    if resource.table == "additions":
        agreement = call.site.find("agreements", record["agreementId"]) or {}
    elif resource.table != "agreements":
        return True
    return call.role.sees_type((agreement.get("type") or {}).get("name", ""))


def my_rows(call: Call) -> list[Record]:
    """The caller's own levels, one row a module function."""
    member = members.member_of(call.site, call.key)
    return [{**row, "member": reference("MemberReference", member)} for row in _levels(call.role)]


def settings_rows(call: Call, role: Record) -> list[Record]:
    """A role's levels, one row a module function; their ids go on from role to role."""
    before = (role["id"] - 1) * len(FUNCTIONS)
    return [{**row, "id": before + row["id"]} for row in _levels(members.granted(call.site, role))]


def customize_rows(call: Call) -> list[Record]:
    """What a customised role may reach, item by item; a role that is not customised has no rows [assumed]."""
    role = call.role
    items = [("SystemTableSetup", SETUP_TABLES[table]) for table in sorted(role.setup_tables or ())]
    items += [("FinanceAgreements", name) for name in sorted(role.agreement_types or ())]
    return [{"id": n, "customizeIdentifier": area, "itemIdentifier": item} for n, (area, item) in enumerate(items, 1)]


def _levels(role: Role) -> list[Record]:
    return [
        {
            "id": number,
            **{f"{action}Level": role.level(function, action) for action in ("add", "edit", "delete", "inquire")},
            "moduleFunctionName": function,
            "moduleFunctionDescription": function,
            "myAllFlag": True,
            "moduleFunctionIdentifier": function.replace(" ", ""),
            "reportFlag": False,
            "restrictFlag": _is_customised(role, function),
            "customFlag": function in (SETUP, "Agreements"),
            "moduleDescription": module,
            "moduleIdentifier": module,
            "moduleName": module,
            "sortOrder": number,
        }
        for number, (module, function) in enumerate(FUNCTIONS, 1)
    ]


def _is_customised(role: Role, function: str) -> bool:
    return (function == SETUP and role.setup_tables is not None) or (
        function == "Agreements" and role.agreement_types is not None
    )
