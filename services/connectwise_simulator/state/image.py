"""A site as plain values, and the site of such values: how the state file keeps one."""

from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

from connectwise_simulator.clock import Clock
from connectwise_simulator.roles import Role
from connectwise_simulator.schema import Record
from connectwise_simulator.site import Key, Knobs, Site
from connectwise_simulator.state.history import History
from connectwise_simulator.state.journal import Journal


def image(site: Site) -> Record:
    """All of a site. A clock is kept as its distance from the real time, so it ticks on while nobody runs it."""
    return {
        "company_id": site.company_id,
        "name": site.name,
        "codebase": site.codebase,
        "is_cloud": site.is_cloud,
        "zone": site.clock.zone.key,
        "ahead": site.clock.ahead,
        "day": site.day.isoformat(),
        "since": site.since,
        "knobs": knobs_image(site.knobs),
        "keys": [asdict(key) for key in site.keys.values()],
        "roles": [_role_image(role) for role in site.roles.values()],
        "tables": {name: {"highest": table.highest, "records": list(table)} for name, table in site.tables.items()},
    }


def site_of(values: Record, history: History, journal: Journal) -> Site:
    """The site that `image` was taken of."""
    knobs = knobs_of(values["knobs"])
    clock = Clock(values["zone"], moment(values["ahead"]))
    site = Site(values["company_id"], values["name"], clock, history, journal, knobs)
    site.codebase, site.is_cloud = values["codebase"], values["is_cloud"]
    site.day = date.fromisoformat(values["day"])
    site.since = values["since"]
    site.keys = {key["public"]: Key(**key) for key in values["keys"]}
    site.roles = {role["name"]: _role_of(role) for role in values["roles"]}
    for name, kept in values["tables"].items():
        table = site.tables[name]
        for record in kept["records"]:
            table.put(record)
        table.highest = kept["highest"]
    return site


def knobs_image(knobs: Knobs) -> Record:
    """A site's knobs as plain values."""
    return {**asdict(knobs), "client_ids": _listed(knobs.client_ids)}


def knobs_of(values: Record) -> Knobs:
    """The knobs that `knobs_image` was taken of."""
    return Knobs(**{**values, "client_ids": _frozen(values["client_ids"])})


def moment(ahead: int) -> datetime:
    """Now, for a clock that many microseconds before the real time."""
    return datetime.now(UTC) + timedelta(microseconds=ahead)


def _role_image(role: Role) -> Record:
    return {
        "name": role.name,
        "cells": [[function, action, level] for (function, action), level in role.cells.items()],
        "setup_tables": _listed(role.setup_tables),
        "agreement_types": _listed(role.agreement_types),
    }


def _role_of(values: Record) -> Role:
    cells = {(function, action): level for function, action, level in values["cells"]}
    return Role(values["name"], cells, _frozen(values["setup_tables"]), _frozen(values["agreement_types"]))


def _listed(names: frozenset[str] | None) -> list[str] | None:
    return None if names is None else sorted(names)


def _frozen(names: list[Any] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(names)
