"""`psabridge tenants` and `psabridge tokens`: who is here, and who may what."""

from typing import Annotated

import typer

from console.commands import show
from console.commands.client import segment
from console.commands.where import Tenant, open_client

tenants = typer.Typer(help="The tenants of this installation.", no_args_is_help=True)
tokens = typer.Typer(help="API tokens: of a tenant, or without --tenant of the installation.", no_args_is_help=True)


@tenants.command("list")
def list_tenants(*, json: show.AsJson = False) -> None:
    """Those one may act for."""
    with open_client("") as client:
        found = list(client.pages("/v1/console/tenants"))
    if json:
        show.as_json(found)
        return
    rows = [(one["tenant_id"], one["name"], show.moment(one["created_at"])) for one in found]
    show.table("Tenants", ["tenant", "name", "since"], rows)


@tenants.command("create")
def create_tenant(
    tenant_id: Annotated[str, typer.Argument(help="Lower-case letters, digits, dashes; for good.")],
    name: Annotated[str, typer.Option(help="For people.")] = "",
    *,
    json: show.AsJson = False,
) -> None:
    """Make a tenant, or rename it; for operators."""
    with open_client("") as client:
        found = client.put(f"/v1/console/tenants/{segment(tenant_id)}", {"name": name or tenant_id})
    if json:
        show.as_json(found)
        return
    show.say(f"Tenant {found['tenant_id']}: {found['name']}")


@tokens.command("list")
def list_tokens(*, tenant: Tenant = "", json: show.AsJson = False) -> None:
    """Tokens without their secrets."""
    with open_client(tenant) as client:
        found = list(client.pages("/v1/console/tokens"))
    if json:
        show.as_json(found)
        return
    show.table(
        "Tokens",
        ["!id", "name", "role", "scope", "made by", "last used", "expires", "revoked"],
        [
            (
                one["token_id"],
                one["name"],
                one["role"],
                one["scope"] or "all of the role",
                one["created_by"],
                *(show.moment(one[when]) if one[when] else "" for when in ("last_used_at", "expires_at", "revoked_at")),
            )
            for one in found
        ],
    )


@tokens.command("create")
def create_token(
    name: Annotated[str, typer.Argument(help="Whose it is, for people.")],
    role: Annotated[str, typer.Option(help="owner, admin, approver, operator or viewer.")],
    scope: Annotated[list[str] | None, typer.Option(help="Only this permission of the role's; repeatable.")] = None,
    days: Annotated[int | None, typer.Option(help="Expires after so many days.")] = None,
    *,
    tenant: Tenant = "",
    json: show.AsJson = False,
) -> None:
    """Make a token; it is shown this once."""
    form = {"name": name, "role": role, "scope": scope or None, "expires_in_days": days}
    with open_client(tenant) as client:
        found = client.post("/v1/console/tokens", form)
    if json:
        show.as_json(found)
        return
    show.say(found["token"])


@tokens.command("revoke")
def revoke_token(
    token_id: Annotated[str, typer.Argument(help="Its id, as `tokens list` shows it.")],
    *,
    tenant: Tenant = "",
    json: show.AsJson = False,
) -> None:
    """Have a token refused from now on."""
    with open_client(tenant) as client:
        found = client.delete(f"/v1/console/tokens/{segment(token_id)}")
    if json:
        show.as_json(found)
        return
    show.say(f"Token {found['token_id']} ({found['name']}) is refused from now on.")
