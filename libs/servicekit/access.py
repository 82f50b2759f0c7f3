"""Who calls, and what they may: the console's short-lived tokens, and a permission for every route."""

from dataclasses import dataclass
from typing import Annotated, Any

import jwt
from fastapi import APIRouter, Depends, Request
from fastapi.routing import APIRoute

from contracts.values import TenantId
from messaging import NOBODY
from servicekit.problems import Problem

ISSUER = "psabridge-console"
_PERMISSION = "__permission__"


class UnguardedRouteError(Exception):
    """A route without a permission; a service with one is not built."""


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller of a request: the tenant it acts for, who it is and what it may."""

    tenant_id: TenantId
    subject: str
    permissions: frozenset[str]
    operator: bool = False

    @property
    def tenants(self) -> tuple[TenantId, ...]:
        """Whose rows the request sees; what belongs to nobody is for operators."""
        return (self.tenant_id, NOBODY) if self.operator else (self.tenant_id,)


def read_token(token: str, public_key: str, audience: str) -> Principal:
    """The caller a console token names; Problem 401 for one that is not ours, not for us or past its time."""
    try:
        claims = jwt.decode(
            token,
            public_key,
            algorithms=["EdDSA"],
            issuer=ISSUER,
            audience=audience,
            options={"require": ["exp", "iss", "aud", "sub", "tenant"]},
        )
    except jwt.InvalidTokenError as error:
        raise Problem(401, "unauthenticated", "the token is missing, expired or not the console's") from error
    return Principal(
        TenantId(str(claims["tenant"])),
        str(claims["sub"]),
        frozenset(claims.get("permissions", ())),
        bool(claims.get("operator", False)),
    )


async def principal(request: Request) -> Principal:
    """The caller, from the bearer token; also left in the request's state."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise Problem(401, "unauthenticated", "a bearer token is needed")
    found = read_token(token, request.app.state.public_key, request.app.state.name)
    request.state.principal = found
    return found


Caller = Annotated[Principal, Depends(principal)]


def allow(permission: str) -> Any:
    """Let only callers with this permission through; Problem 403 names what is missing."""

    async def check(caller: Caller) -> None:
        if permission not in caller.permissions:
            raise Problem(403, "forbidden", f"this token lacks the permission {permission}", permission=permission)

    setattr(check, _PERMISSION, permission)
    return Depends(check)


def permission_of(route: APIRoute) -> str | None:
    """The permission a route asks for."""
    found = (getattr(dependency.dependency, _PERMISSION, None) for dependency in route.dependencies)
    return next((permission for permission in found if permission), None)


def refuse_unguarded(router: APIRouter) -> None:
    """Raise UnguardedRouteError for a route without `allow(...)`: default is deny."""
    for route in router.routes:
        if not isinstance(route, APIRoute) or permission_of(route) is None:
            raise UnguardedRouteError(f"the route {getattr(route, 'path', route)} names no permission")
