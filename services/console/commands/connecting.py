"""`psabridge connect`: a tenant's way to ConnectWise, its program, and whether its setup is ready."""

import os
import re
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from console.commands import show
from console.commands.client import ApiProblem, Client, segment
from console.commands.failing import NO, UsageProblem
from console.commands.where import Tenant, open_client

CONNECTION = "connectwise"
PROGRAM = "microsoft-nce"
_SETUP = "/v1/setup-validation/setup"
_NOT_CHECKED = 404
# Where a connection leads and as whom: its setup begins anew when one of these changes.
_LEADS = ("site", "company_id", "public_key", "client_id", "profile", "enabled")
_TOLD_BY_THEN = timedelta(seconds=3)
_PERCENT = re.compile(r"-?\d{1,4}(\.\d{1,4})?")


def connect(
    site: Annotated[str, typer.Option(help="Region (na, eu, au, ...) or address of the ConnectWise site.")],
    company_id: Annotated[str, typer.Option(help="The company id of the sign-in.")],
    public_key: Annotated[str, typer.Option(help="The API member's public key.")],
    client_id: Annotated[str, typer.Option(help="The integration's client id.")],
    private_key_file: Annotated[
        Path | None, typer.Option(help="File with the private key, - for standard input; else PSABRIDGE_PRIVATE_KEY.")
    ] = None,
    name: Annotated[str, typer.Option(help="What people call this site.")] = "",
    tenant_name: Annotated[str, typer.Option(help="A new tenant's name.")] = "",
    profile: Annotated[str, typer.Option(help="sync, sync+create or count-only.")] = "sync",
    markup: Annotated[str | None, typer.Option(help="Percent on the price basis, such as 20 or 12.5.")] = None,
    basis: Annotated[str, typer.Option(help="list or effective price.")] = "list",
    within: Annotated[float, typer.Option(help="Seconds to wait for the setup check.")] = 120,
    *,
    below_cost: Annotated[
        bool, typer.Option("--allow-below-cost", help="Sell below cost where it comes out so.")
    ] = False,
    tenant: Tenant = "",
    json: show.AsJson = False,
) -> None:
    """Connect a tenant to its ConnectWise site and check the setup; exit status 1 while it is not ready.

    Again with the same company id changes the connection. Without a private key the stored one is kept.
    """
    if markup is not None and not _PERCENT.fullmatch(markup):
        raise UsageProblem(f"--markup: {markup} is not a percentage such as 20 or 12.5")
    with _for_tenant(tenant, tenant_name) as client:
        form = {
            "site": site,
            "company_id": company_id,
            "public_key": public_key,
            "client_id": client_id,
            "profile": profile,
            "name": name,
        }
        if key := _private_key(private_key_file, client):
            form["private_key"] = key
        path = f"/v1/console/connections/{CONNECTION}"
        known = next(
            (one for one in client.pages("/v1/console/connections") if one["connection_id"] == CONNECTION), None
        )
        before = _setup(client)
        connection = client.put(path, form)
        program = _program(client, markup, basis, below_cost=below_cost)
        with show.waiting("checking the setup of the site") as now:
            changed = known is None or any(known[name] != connection[name] for name in _LEADS)
            rekeyed_at = datetime.fromisoformat(connection["updated_at"]) if "private_key" in form else None
            found = checked(client, before, within, now, changed=changed, rekeyed_at=rekeyed_at)
    if json:
        show.as_json({"connection": connection, "program": program, "setup": found})
    else:
        _show(connection, program, found)
    if found["status"] != "ready":
        raise typer.Exit(NO)


def checked(
    client: Client,
    before: dict[str, Any] | None,
    within: float,
    now: show.Says,
    *,
    changed: bool = False,
    rekeyed_at: datetime | None = None,
) -> dict[str, Any]:
    """Have the setup checked and wait for the result of the connection as it is now.

    `changed` says that it leads elsewhere than `before`; `rekeyed_at` when its key was entered again, if it was.
    """

    def asked() -> datetime | None:
        try:
            asked_at = datetime.fromisoformat(client.post("/v1/setup-validation/checks")["asked_at"])
        except ApiProblem as problem:
            if problem.code != "not_connected":
                raise
            # It has not heard of the connection yet: that takes a moment.
            now(f"checking the setup: {problem.detail}")
            return None
        # A result does not name the key it was made with: one that is asked for at once may be the old key's.
        is_early = not changed and rekeyed_at is not None and asked_at - rekeyed_at < _TOLD_BY_THEN
        return None if is_early else asked_at

    asked_at = client.until(asked, within, "the connection at setup-validation")

    def newer() -> dict[str, Any] | None:
        found = _setup(client)
        if found is None or datetime.fromisoformat(found["checked_at"]) < asked_at:
            return None
        if changed and before is not None and found["connection"] == before["connection"]:
            return None
        # What is said of a new connection before it was looked at has no findings.
        return found if found["findings"] or found["status"] != "unknown" else None

    return client.until(newer, within, "the result of the setup check")


def _for_tenant(tenant: str, name: str) -> Client:
    with open_client("") as client:
        me = client.get("/v1/console/me")
        if not me["operator"]:
            return open_client(tenant)
        if not tenant:
            raise UsageProblem("This token is the installation's: name the tenant by --tenant or PSABRIDGE_TENANT.")
        known = {found["tenant_id"] for found in client.pages("/v1/console/tenants")}
        if tenant not in known or name:
            client.put(f"/v1/console/tenants/{segment(tenant)}", {"name": name or tenant})
        return client.of_tenant(tenant)


def _private_key(file: Path | None, client: Client) -> str:
    if file is not None:
        return sys.stdin.read().strip() if str(file) == "-" else file.read_text().strip()
    if key := os.environ.get("PSABRIDGE_PRIVATE_KEY"):
        return key.strip()
    if not sys.stdin.isatty():
        return ""
    stored = any(found["connection_id"] == CONNECTION for found in client.pages("/v1/console/connections"))
    asked: str = typer.prompt(
        "Private key (empty keeps the stored one)" if stored else "Private key",
        hide_input=True,
        default="" if stored else None,
        show_default=False,
    )
    return asked.strip()


def _program(client: Client, markup: str | None, basis: str, *, below_cost: bool) -> dict[str, Any]:
    path = f"/v1/console/programs/{PROGRAM}"
    known = next((one for one in client.pages("/v1/console/programs") if one["program_id"] == PROGRAM), None)
    if known is not None and markup is None:
        return known
    form = {key: value for key, value in (known or {}).items() if key not in {"program_id", "updated_at"}}
    if markup is not None:
        form["price_rule"] = {"basis": basis, "markup_percent": markup, "allow_below_cost": below_cost}
    saved: dict[str, Any] = client.put(path, form)
    return saved


def _setup(client: Client) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = client.get(_SETUP)
    except ApiProblem as problem:
        if problem.status == _NOT_CHECKED:
            return None
        raise
    return found if found and found.get("checked_at") else None


def _show(connection: dict[str, Any], program: dict[str, Any], setup: dict[str, Any]) -> None:
    rule = program["price_rule"]
    price = (
        f"{rule['markup_percent']} % on the {rule['basis']} price" if rule else "none: lines are held until --markup"
    )
    show.facts(
        "Connection",
        [
            ("site", connection["site"]),
            ("company", connection["company_id"]),
            ("public key", connection["public_key"]),
            ("profile", connection["profile"]),
            ("program", program["name"]),
            ("price rule", price),
        ],
    )
    findings = setup["findings"]
    show.table(
        "Setup",
        ["check", "!state", "severity", "what"],
        [(one["title"], one["state"], one["severity"], one["detail"]) for one in findings if one["state"] != "unknown"],
        empty="nothing was checked",
    )
    for one in findings:
        if one["state"] == "failed":
            show.facts(one["title"], [("where", one["screen"]), ("fix", one["fix"])])
    unknown = [one["title"] for one in findings if one["state"] == "unknown"]
    if unknown:
        show.say(f"{len(unknown)} checks could not be made: {'; '.join(unknown)}")
    allowed = show.plain(setup.get("features")) or "nothing"
    show.say(f"Setup: {setup['status']}; may be written: {allowed}")
