"""The site itself, and what the caller may do there."""

from enum import StrEnum

from connectwise.records import Record, Reference


class Level(StrEnum):
    """How much of a module function a role may use."""

    NONE = "None"
    MY = "My"
    ALL = "All"


class SystemInfo(Record):
    """Version, kind and time zone of the site."""

    version: str | None = None
    is_cloud: bool | None = None
    server_time_zone: str | None = None
    cloud_region: str | None = None


class MySecurity(Record):
    """The caller's levels for one module function."""

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
    member: Reference | None = None
