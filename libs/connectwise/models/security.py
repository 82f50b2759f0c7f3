"""Who may do what: roles, and the caller's own rights."""

from enum import StrEnum

from connectwise.models.base import IdentifiedRecord, Record, Reference


class Level(StrEnum):
    """How much of a module function a role may use."""

    NONE = "None"
    MY = "My"
    ALL = "All"


class Levels(Record):
    """The levels of one module function."""

    id: int | None = None
    module_name: str | None = None
    module_identifier: str | None = None
    module_function_name: str | None = None
    module_function_identifier: str | None = None
    inquire_level: str | None = None
    add_level: str | None = None
    edit_level: str | None = None
    delete_level: str | None = None
    custom_flag: bool | None = None
    restrict_flag: bool | None = None
    my_all_flag: bool | None = None


class MySecurity(Levels):
    """The caller's levels for one module function."""

    member: Reference | None = None


class SecurityRoleSetting(Levels, IdentifiedRecord):
    """A role's levels for one module function; the API cannot change them."""

    id: int


class CustomizeItem(Record):
    """One thing that a customised right of the caller reaches, such as an agreement type or a setup table."""

    id: int | None = None
    customize_identifier: str | None = None
    item_identifier: str | None = None


class SecurityRole(IdentifiedRecord):
    """A role that members can have."""

    name: str | None = None
    role_type: str | None = None
    admin_flag: bool | None = None
    inactive_flag: bool | None = None


class Member(IdentifiedRecord):
    """A person or an API key that can sign in, as everyone may see it."""

    identifier: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    full_name: str | None = None
    license_class: str | None = None
    inactive_flag: bool | None = None
