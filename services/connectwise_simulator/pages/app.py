"""The addresses of the pages: `/` and what is below `/sites/`."""

from collections.abc import Awaitable, Callable, Mapping

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from connectwise_simulator.billing import daily
from connectwise_simulator.pages import agreements, calls, catalog, clock, companies, faults, happened, invoices
from connectwise_simulator.pages.asked import Asked, Problem, address, form_of, whole
from connectwise_simulator.pages.html import element
from connectwise_simulator.pages.layout import View, document
from connectwise_simulator.pages.overview import overview
from connectwise_simulator.world import World

BELOW = "/sites/"
APART = ("/", "/favicon.ico")  # there is no icon; a browser's wish for one is no API call, and no fault's nth one
SEE_OTHER = 303

Show = Callable[[Asked], View]
Change = Callable[[Asked, Mapping[str, str]], View | None]
Handler = Callable[[Request], Awaitable[Response]]

SHOWN: dict[str, Show] = {
    "": companies.companies,
    "/companies": companies.companies,
    "/companies/{number}": companies.company,
    "/agreements": agreements.agreements,
    "/agreements/{number}": agreements.agreement,
    "/agreements/{number}/next-invoice": agreements.next_invoice,
    "/catalog": catalog.catalog,
    "/invoices": invoices.invoices,
    "/invoices/{number}": invoices.invoice,
    "/audit": happened.audit_trail,
    "/history": happened.history,
    "/clock": clock.clock,
    "/faults": faults.faults,
    "/calls": calls.calls,
}
CHANGED: dict[str, Change] = {"clock": clock.turn, "faults": faults.order, "calls": calls.forget}


def pages(world: World) -> Starlette:
    """The application."""

    async def front(_request: Request) -> Response:
        return document(overview(world))

    async def wrong(request: Request, error: Exception) -> Response:
        status, text = (error.status, str(error)) if isinstance(error, Problem) else (400, "")
        if isinstance(error, HTTPException):
            status, text = error.status_code, "There is no such page, or it does not take that."
        view = View("Not found" if status == 404 else "Not understood", element("p", text), status=status)  # noqa: PLR2004
        return document(view, world.site(request.path_params.get("company", "")))

    shown = [Route(f"{BELOW}{{company}}{path}", _showing(world, show), methods=["GET"]) for path, show in SHOWN.items()]
    changed = [
        Route(f"{BELOW}{{company}}/{section}", _changing(world, section, change), methods=["POST"])
        for section, change in CHANGED.items()
    ]
    handlers = dict.fromkeys((Problem, HTTPException), wrong)
    app = Starlette(routes=[Route("/", front, methods=["GET"]), *changed, *shown], exception_handlers=handlers)
    app.router.redirect_slashes = False
    return app


def _showing(world: World, show: Show) -> Handler:
    async def handle(request: Request) -> Response:
        asked = _asked(world, request)
        return document(show(asked), asked.site)

    return handle


def _changing(world: World, section: str, change: Change) -> Handler:
    async def handle(request: Request) -> Response:
        given = await form_of(request)
        asked = _asked(world, request)
        try:
            view = change(asked, given)
        finally:
            world.journal.keep()
        if view is None:
            return RedirectResponse(address(asked.site, section), SEE_OTHER)
        return document(view, asked.site)

    return handle


def _asked(world: World, request: Request) -> Asked:
    site = world.site(request.path_params["company"])
    if site is None:
        raise Problem(404, f"There is no site {request.path_params['company']}.")
    daily.new_day(site)  # as before every API call: what is shown is today's
    world.journal.keep()
    number = request.path_params.get("number")
    return Asked(world, site, whole(number, "number") if number else 0, request.query_params)
