"""Roles and the permissions they mean."""

from collections.abc import Collection
from enum import StrEnum

READING = frozenset(
    {
        "self.read",
        "billing.read",
        "setup.read",
        "customers.read",
        "mappings.read",
        "catalog.read",
        "lines.read",
        "runs.read",
        "connections.read",
        "programs.read",
    }
)
# Of the installation, whatever the role: a tenant's token never holds it.
_INSTALLATION = frozenset({"tenants.write", "installation.read", "installation.adopt"})
_DAILY = READING | {"billing.import", "setup.check", "mappings.write", "operate"}
_DECIDING = READING | {"runs.approve", "mappings.write"}
_SETTING_UP = _DAILY | _DECIDING | {"connections.write", "programs.write"}
PERMISSIONS = _SETTING_UP | _INSTALLATION | {"tokens.write"}


class Role(StrEnum):
    """What somebody is to a tenant, or to the installation."""

    OWNER = "owner"
    ADMIN = "admin"
    APPROVER = "approver"
    OPERATOR = "operator"
    VIEWER = "viewer"


_MEANS = {
    Role.OWNER: PERMISSIONS,
    Role.ADMIN: _SETTING_UP,
    Role.APPROVER: _DECIDING,
    Role.OPERATOR: _DAILY,
    Role.VIEWER: READING,
}


def permissions(role: Role, scope: Collection[str] | None, *, installation: bool) -> frozenset[str]:
    """What a token may: its role's permissions, less those outside its scope, if it has one.

    `self.read` (who am I) is outside of no scope.
    """
    means = _MEANS[role] if installation else _MEANS[role] - _INSTALLATION
    return means if scope is None else means & {*scope, "self.read"}
