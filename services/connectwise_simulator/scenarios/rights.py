"""What a scenario says of a role's rights."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from connectwise_simulator.roles import ACTIONS, FUNCTION_NAMES, SETUP_TABLES, Role
from connectwise_simulator.scenarios.document import Location
from connectwise_simulator.scenarios.scenario import RoleSpec

Need = Callable[[str, Iterable[str], Location, str], bool]
"""Whether a word is one of those known; if not, it is noted where it stands, as what it should be."""


def changed(role: Role, spec: RoleSpec, at: Location, need: Need) -> Role:
    """The role with what the scenario says of it; what it names and is not known is noted by `need`."""
    cells = dict(role.cells)
    for function, levels in spec.levels.items():
        need(function, FUNCTION_NAMES, (*at, "levels", function), "module function")
        if isinstance(levels, str):
            for letter in levels:
                need(letter, "AEDI", (*at, "levels", function), "action")
            levels = {action: "All" for action in ACTIONS if action[0].upper() in levels}  # noqa: PLW2901
        for action in levels:
            need(action, ACTIONS, (*at, "levels", function, action), "action")
        cells |= {(function, action): levels.get(action, "None") for action in ACTIONS}
    role = replace(role, cells=cells)
    for number, entry in enumerate(spec.without):
        function, _, action = entry.partition(".")
        need(function, FUNCTION_NAMES, (*at, "without", number), "module function")
        if action:
            need(action, ACTIONS, (*at, "without", number), "action")
        role = role.without(function, *([action] if action else []))
    if spec.setup_tables is not None:
        tables = None if spec.setup_tables == "all" else frozenset(spec.setup_tables)
        for table in sorted(tables or ()):
            need(table, SETUP_TABLES, (*at, "setup_tables"), "setup table")
        role = replace(role, setup_tables=tables)
    if spec.agreement_types is not None:
        types = None if spec.agreement_types == "all" else frozenset(spec.agreement_types)
        role = replace(role, agreement_types=types)
    return role
