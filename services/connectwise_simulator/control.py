"""`/_simulator/*`: how tests and people steer the simulator. Never part of what it simulates."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectwise_simulator import roles
from connectwise_simulator.billing import statements
from connectwise_simulator.billing.daily import turn_clock
from connectwise_simulator.clock import CalendarError
from connectwise_simulator.errors import ApiError
from connectwise_simulator.jsonwire import dumps, loads
from connectwise_simulator.peers.door import DoorOrder
from connectwise_simulator.peers.faults import FaultOrder
from connectwise_simulator.records import members
from connectwise_simulator.records.rules import give_role, rewrite
from connectwise_simulator.records.values import Reading
from connectwise_simulator.registry import TABLES
from connectwise_simulator.scenarios.scenario import ScenarioError, read_scenario
from connectwise_simulator.scenarios.seeding import add_sites
from connectwise_simulator.site import CODEBASE, Actor, Key, Knobs, Site
from connectwise_simulator.state.image import knobs_image
from connectwise_simulator.world import World

Handler = Callable[[Request], Awaitable[Response]]
MOST_EFFECTS = 1000
MOST_DELIVERIES = 1000
KNOBS = TypeAdapter(Knobs)


class _Order(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ClockOrder(_Order):
    """Set the clock, move it, or both; of one site or of all."""

    site: str | None = None
    set: datetime | date | None = None
    days: float = 0
    hours: float = 0
    seconds: float = 0


class LatencyOrder(_Order):
    """Milliseconds before every API answer."""

    ms: float = Field(ge=0, le=600_000)


class SettingsOrder(_Order):
    """What changes at a site while it is used: its release, as in the night of an upgrade, and any of its knobs."""

    codebase: str | None = Field(default=None, pattern=CODEBASE)
    options: dict[str, Any] = Field(default_factory=dict)


class PaceOrder(_Order):
    """How fast callbacks wait: 1 is real seconds."""

    pace: float = Field(gt=0, le=1)


class DuplicateOrder(_Order):
    """A record that somebody in the office enters once more, marker and all."""

    table: str
    id: int


class KeyOrder(_Order):
    """What becomes of a member's key; a public key nobody has yet is a new one and needs its private key."""

    public: str
    private: str | None = None
    role: str | None = None
    revoked: bool | None = None


class EditOrder(_Order):
    """Members somebody changes in the office; null clears one. No rule is asked, `nextInvoiceDate` included."""

    table: str
    id: int
    values: dict[str, Any]


def control_app(world: World) -> Starlette:
    """The routes."""
    steering, sites = _Steering(world), _Sites(world)

    def kept(handler: Handler) -> Handler:
        async def handle(request: Request) -> Response:
            try:
                return await handler(request)
            finally:
                world.journal.keep()

        return handle

    routes: tuple[tuple[str, str, Handler], ...] = (
        ("POST", "/faults", steering.add_fault),
        ("GET", "/faults", steering.faults),
        ("DELETE", "/faults", steering.clear_faults),
        ("GET", "/history", steering.history),
        ("GET", "/clock", steering.clock),
        ("POST", "/clock", steering.move_clock),
        ("GET", "/calls", steering.calls),
        ("DELETE", "/calls", steering.forget_calls),
        ("POST", "/latency", steering.latency),
        ("POST", "/door", steering.shut_door),
        ("GET", "/callbacks", steering.callbacks),
        ("POST", "/callbacks", steering.pace_callbacks),
        ("GET", "/sites", sites.sites),
        ("POST", "/sites", sites.new_sites),
        ("DELETE", "/sites/{company}", sites.drop_site),
        ("POST", "/sites/{company}/keys", sites.keys),
        ("POST", "/sites/{company}/edit", sites.edit),
        ("POST", "/sites/{company}/duplicate", sites.duplicate),
        ("POST", "/sites/{company}/settings", sites.settings),
        ("GET", "/sites/{company}/invoices", sites.invoices),
        ("GET", "/sites/{company}/agreements/{agreement}/next-invoice", sites.next_invoice),
    )
    unreadable = dict.fromkeys((ScenarioError, ApiError, CalendarError), _unreadable)
    handlers = {ValidationError: _invalid, _Refused: _refused, **unreadable}
    return Starlette(
        routes=[Route(f"/_simulator{path}", kept(handler), methods=[method]) for method, path, handler in routes],
        exception_handlers=handlers,
    )


class _Control:
    def __init__(self, world: World) -> None:
        self.world = world

    def site_of(self, name: str | None) -> Site:
        found = self.world.site(name or "")
        if found is None:
            raise _Refused(404, f"there is no site {name}")
        return found


class _Steering(_Control):
    """Faults, history, clocks, counters, latency."""

    async def add_fault(self, request: Request) -> Response:
        order = await _read(FaultOrder, request)
        if order.site is not None:
            self.site_of(order.site)  # a name typed wrong would strike nothing, and the rehearsal pass for that
        return _json(201, self.world.faults.add(order).view())

    async def faults(self, _request: Request) -> Response:
        return _json(200, self.world.faults.view())

    async def clear_faults(self, request: Request) -> Response:
        self.world.faults.clear(request.query_params.get("site"))
        return Response(status_code=204)

    async def history(self, request: Request) -> Response:
        query = request.query_params
        after, limit = (_whole(query.get(name, default)) for name, default in (("after", "0"), ("limit", "1000")))
        found = self.world.history.after(after, min(limit, MOST_EFFECTS), query.get("site"), query.get("type"))
        return _json(200, {"last": len(self.world.history), "effects": [effect.view() for effect in found]})

    async def clock(self, request: Request) -> Response:
        name = request.query_params.get("site")
        return _json(200, _clocks([self.site_of(name)] if name else list(self.world.sites.values())))

    async def move_clock(self, request: Request) -> Response:
        order = await _read(ClockOrder, request)
        sites = [self.site_of(order.site)] if order.site else list(self.world.sites.values())
        try:
            by = timedelta(days=order.days, hours=order.hours, seconds=order.seconds)
        except OverflowError:
            raise CalendarError from None
        for site, moment in [(site, site.clock.moved(order.set, by)) for site in sites]:
            turn_clock(site, moment)
        return _json(200, _clocks(sites))

    async def calls(self, request: Request) -> Response:
        wanted = request.query_params.get("site")
        routes: dict[str, int] = {}
        for (site, method, route), number in sorted(self.world.calls.items()):
            if wanted is None or site == wanted.lower():
                routes[f"{method} {route}"] = routes.get(f"{method} {route}", 0) + number
        return _json(200, {"total": sum(routes.values()), "routes": routes})

    async def forget_calls(self, request: Request) -> Response:
        wanted = request.query_params.get("site")
        for key in [k for k in self.world.calls if wanted is None or k[0] == wanted.lower()]:
            del self.world.calls[key]
        return Response(status_code=204)

    async def latency(self, request: Request) -> Response:
        order = await _read(LatencyOrder, request)
        self.world.latency = order.ms / 1000
        return _json(200, {"ms": int(order.ms)})

    async def shut_door(self, request: Request) -> Response:
        order = await _read(DoorOrder, request)
        if not self.world.shut(order):
            raise _Refused(409, "the port is not open")
        return _json(202, order.model_dump(mode="json") | {"seconds": Decimal(str(order.seconds))})

    async def callbacks(self, request: Request) -> Response:
        query = request.query_params
        after, limit = (_whole(query.get(name, default)) for name, default in (("after", "0"), ("limit", "1000")))
        found = self.world.callbacks.after(after, min(limit, MOST_DELIVERIES), query.get("site"))
        return _json(200, {"deliveries": [delivery.view() for delivery in found]})

    async def pace_callbacks(self, request: Request) -> Response:
        order = await _read(PaceOrder, request)
        self.world.callbacks.pace = order.pace
        return _json(200, {"pace": Decimal(str(order.pace))})


class _Sites(_Control):
    """Sites, their keys, and edits from the office."""

    async def sites(self, _request: Request) -> Response:
        return _json(
            200, [{"company_id": s.company_id, "name": s.name, **_clock(s)} for s in self.world.sites.values()]
        )

    async def new_sites(self, request: Request) -> Response:
        document = read_scenario(await request.body(), "request")
        taken = [s.company_id for s in document.sites if self.world.site(s.company_id)]
        if taken:
            raise _Refused(409, f"there is a site {taken[0]} already")
        return _json(201, {"sites": [site.company_id for site in add_sites(self.world, document, "request")]})

    async def drop_site(self, request: Request) -> Response:
        site = self.site_of(request.path_params["company"])
        del self.world.sites[site.company_id.lower()]
        self.world.journal.note("dropped", site.company_id)
        return Response(status_code=204)

    async def keys(self, request: Request) -> Response:
        site = self.site_of(request.path_params["company"])
        order = await _read(KeyOrder, request)
        key = site.keys.get(order.public)
        role = None if order.role is None else roles.named(site.roles, order.role)
        if order.role is not None and role is None:
            raise _Refused(422, f"there is no role {order.role}; there are {', '.join(site.roles)}")
        if key is None and order.private is None:
            raise _Refused(422, "a new key needs its private key")
        actor = Actor("office", "KEY", request.url.path)
        if key is None:
            member = give_role(site, actor, order.public, role or roles.READY_MADE["admin"], None)
            key = site.keys[order.public] = Key(order.public, order.private or "", member["id"])
        elif role is not None:
            give_role(site, actor, order.public, role, members.member_of(site, key))
        self.world.history.told(actor.effects, "office")
        key.private = order.private or key.private
        key.revoked = key.revoked if order.revoked is None else order.revoked
        self.world.journal.note("key", site.company_id, asdict(key))
        return _json(200, {"public": key.public, "role": members.role_of(site, key).name, "revoked": key.revoked})

    async def edit(self, request: Request) -> Response:
        site = self.site_of(request.path_params["company"])
        order = await _read(EditOrder, request)
        table = site.tables.get(order.table)
        before = table.get(order.id) if table else None
        if table is None or before is None:
            raise _Refused(404, f"there is no {order.table} {order.id}")
        unknown = [name for name in order.values if name not in table.model.fields]
        if unknown:
            raise _Refused(422, f"{table.model.name} has no {unknown[0]}")
        reading = Reading(site, table.model, b"", newer=True)
        values = {name: reading.value(table.model.fields[name], value) for name, value in order.values.items()}
        if reading.errors:
            raise _Refused(422, reading.errors[0].message)
        actor = Actor("office", "EDIT", request.url.path)
        written = rewrite(site, actor, order.table, before, values)
        self.world.history.told(actor.effects, "office")
        return _json(200, written)

    async def invoices(self, request: Request) -> Response:
        site = self.site_of(request.path_params["company"])
        agreement = request.query_params.get("agreement")
        return _json(200, statements.invoices(site, None if agreement is None else _whole(agreement)))

    async def next_invoice(self, request: Request) -> Response:
        site = self.site_of(request.path_params["company"])
        agreement = site.find("agreements", _whole(request.path_params["agreement"]))
        if agreement is None:
            raise _Refused(404, f"there is no agreement {request.path_params['agreement']}")
        return _json(200, statements.upcoming(site, agreement))

    async def duplicate(self, request: Request) -> Response:
        site = self.site_of(request.path_params["company"])
        order = await _read(DuplicateOrder, request)
        table = site.tables.get(order.table)
        record = table.get(order.id) if table else None
        if table is None or record is None:
            raise _Refused(404, f"there is no {order.table} {order.id}")
        if TABLES[order.table].unique:
            raise _Refused(422, f"no two {order.table} may have the same {TABLES[order.table].unique[0]}")
        actor = Actor("office", "DUPLICATE", request.url.path)
        written = site.put(actor, order.table, None, {**record, "id": table.next_id()})
        site.told(actor, "office")
        return _json(201, written)

    async def settings(self, request: Request) -> Response:
        site = self.site_of(request.path_params["company"])
        order = await _read(SettingsOrder, request)
        site.knobs = KNOBS.validate_python({**asdict(site.knobs), **order.options})
        site.codebase = order.codebase or site.codebase
        self.world.journal.note("settings", site.company_id, site.codebase, knobs_image(site.knobs))
        return _json(200, {"codebase": site.codebase, "options": knobs_image(site.knobs)})


class _Refused(Exception):  # noqa: N818 - a refusal of ours, answered with its status
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


Order = TypeVar("Order", bound=BaseModel)


async def _read(kind: type[Order], request: Request) -> Order:
    try:
        body = loads(await request.body())
    except (ValueError, RecursionError):
        raise _Refused(400, "the body is not JSON") from None
    return kind.model_validate(body)


async def _invalid(_request: Request, error: Exception) -> Response:
    details = error.errors(include_url=False, include_context=False) if isinstance(error, ValidationError) else []
    return _json(422, {"message": "; ".join(f"{'.'.join(map(str, d['loc']))}: {d['msg']}" for d in details)})


async def _unreadable(_request: Request, error: Exception) -> Response:
    return _json(422, {"message": str(error)})


async def _refused(_request: Request, error: Exception) -> Response:
    return _json(error.status if isinstance(error, _Refused) else 400, {"message": str(error)})


def _json(status: int, value: object) -> Response:
    return Response(dumps(value), status, media_type="application/json")


def _clock(site: Site) -> dict[str, str]:
    return {"now": site.clock.stamp(), "today": site.clock.today().isoformat(), "time_zone": site.clock.zone.key}


def _clocks(sites: list[Site]) -> dict[str, Any]:
    return {site.company_id: _clock(site) for site in sites}


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 12):  # noqa: PLR2004 - longer than any sequence
        raise _Refused(422, f"{text} is not a whole number")
    return int(text)
