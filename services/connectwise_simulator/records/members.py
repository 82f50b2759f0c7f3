"""Members with their keys and roles: what the API shows of them is what is enforced.

A key belongs to a member's row, the row names a row of `securityRoles`, and that one names the `Role`.
"""

from connectwise_simulator import roles
from connectwise_simulator.errors import FieldError
from connectwise_simulator.models.system import API_MEMBER, MEMBER, SECURITY_ROLE
from connectwise_simulator.records.required import missing
from connectwise_simulator.roles import Role
from connectwise_simulator.schema import Record
from connectwise_simulator.site import Key, Site, reference
from connectwise_simulator.tables import Table

API = "A"  # the licence class of members that only call the API


def member_of(site: Site, key: Key) -> Record:
    """The row of the member that a key belongs to."""
    return site.tables["members"].get(key.member) or {}


def is_active(site: Site, key: Key) -> bool:
    """Whether the key's member may call at all."""
    return not member_of(site, key).get("inactiveFlag", False)


def role_of(site: Site, key: Key) -> Role:
    """What the member of a key may do."""
    return granted(site, site.referred("securityRoles", member_of(site, key).get("securityRole")) or {})


def granted(site: Site, row: Record) -> Role:
    """The role behind a row of `securityRoles`; one made through the API has no level at all, as none can be set."""
    return roles.named(site.roles, row.get("grants", "")) or Role(row.get("name", ""))


def role_row(site: Site, role: Role) -> Record:
    """The values of a role's row."""
    longest = SECURITY_ROLE.fields["name"].longest or 0
    name = _free(site.tables["securityRoles"], "name", role.name, longest)
    return {"name": name, "adminFlag": role.name == "admin", "grants": role.name}


def member_row(site: Site, public: str, role: Record) -> Record:
    """The values of an API member for a key, called like the key."""
    identifier = _free(site.tables["members"], "identifier", public, API_MEMBER.fields["identifier"].longest or 0)
    return {
        "identifier": identifier,
        "name": identifier,
        "licenseClass": API,
        "securityRole": reference("SecurityRoleReference", role),
    }


def find_role(site: Site, name: str) -> Record | None:
    """The row of a role by the role's whole name."""
    return next(iter(site.tables["securityRoles"].named("grants", name)), None)


def defaults(_site: Site, record: Record) -> Record:
    """The name of an API member is its identifier until somebody gives another [assumed]."""
    return {"name": record.get("identifier")} if record.get("licenseClass") == API else {}


def computed(site: Site, record: Record) -> Record:
    """An API member's one name stands as its first name; it has no last name. Who is made inactive is so from today."""
    names = {"firstName": record.get("name")} if record.get("licenseClass") == API else {}
    parts = {**record, **names}
    full = " ".join(filter(None, (parts.get("firstName"), parts.get("lastName"))))
    since = record.get("inactiveDate") or site.clock.stamp() if record.get("inactiveFlag") else None
    return {**names, "fullName": full, "inactiveDate": since}


def problems(_site: Site, record: Record, before: Record | None) -> list[FieldError]:
    """A person has more that must be given than an API member."""
    return missing(API_MEMBER if record.get("licenseClass") == API else MEMBER, record, before)


def _free(table: Table, name: str, text: str, longest: int) -> str:
    """The text as far as the API's length lets it be, with a number if a record has it already."""
    number, free = 1, text[:longest]
    while table.named(name, free):
        number += 1
        free = f"{text[: longest - len(str(number))]}{number}"
    return free
