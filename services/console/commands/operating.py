"""`psabridge status`, `dead-letters`, `topics` and `adopt`: how the services are."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from console.commands import show
from console.commands.client import ApiProblem, Client, segment
from console.commands.failing import NO
from console.commands.where import Tenant, open_client

dead_letters = typer.Typer(
    help="Records that could not be handled: look, repair the cause, replay.", no_args_is_help=True
)
Service = Annotated[str, typer.Argument(metavar="SERVICE", help="Such as invoice-push.")]
Letter = Annotated[int, typer.Argument(metavar="ID", min=1)]


def status(*, json: show.AsJson = False) -> None:
    """Whether each service is ready; exit status 1 while one is not."""
    with open_client("") as client:
        found = client.get("/v1/console/status")["items"]
    if json:
        show.as_json(found)
    else:
        show.table(
            "Services",
            ["service", "ready", "what it says", ">ms"],
            [(one["service"], one["ready"], one["detail"], one["milliseconds"]) for one in found],
        )
    if not all(one["ready"] for one in found):
        raise typer.Exit(NO)


def topics(*, json: show.AsJson = False) -> None:
    """Which facts there are, who tells them, and how long they are kept."""
    with open_client("") as client:
        found = client.get("/v1/console/topics")["items"]
    if json:
        show.as_json(found)
        return
    show.table(
        "Topics",
        ["!topic", "told by", "key", ">parts", "kept"],
        [(one["topic"], one["producer"], one["key"], one["partitions"], one["kept"]) for one in found],
    )


def adopt(
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: show.AsJson = False,
) -> None:
    """Make a cloned database this installation's own, so that it may write to ConnectWise.

    Only when the installation it was cloned from no longer writes: two of them would bill twice.
    """
    away: list[str] = []
    with open_client("") as client:
        foreign = [one for one in _installations(client, away) if one["foreign_to"]]
        if foreign and not yes:
            of = ", ".join(sorted({one["id"] for one in foreign}))
            typer.confirm(f"{len(foreign)} databases belong to installation {of}. Has it stopped for good?", abort=True)
        adopted = [
            {"service": one["service"], **client.post(f"/v1/{segment(one['service'])}/installation/adopt")}
            for one in foreign
        ]
    if json:
        show.as_json({"adopted": adopted, "not_asked": away})
    else:
        show.table(
            "Adopted",
            ["service", "installation", ">restores"],
            [(one["service"], one["id"], one["restores"]) for one in adopted],
        )
        for name in away:
            show.say(f"{name} does not answer: its database was not looked at.")
    if away:
        raise typer.Exit(NO)


def _installations(client: Client, away: list[str]) -> Iterator[dict[str, Any]]:
    for name in [one["service"] for one in client.get("/v1/console/status")["items"]]:
        if name == "console":  # writes to nobody
            continue
        try:
            yield {"service": name, **client.get(f"/v1/{segment(name)}/installation")}
        except ApiProblem as problem:
            if not problem.may_pass:
                raise
            away.append(name)


@dead_letters.command("list")
def list_letters(
    service: Annotated[str | None, typer.Option(help="Only of this service.")] = None,
    *,
    tenant: Tenant = "",
    json: show.AsJson = False,
) -> None:
    """Those of all services, oldest first; exit status 1 where a service could not be asked."""
    away: list[str] = []
    with open_client(tenant) as client:
        found = list(_letters(client, service, away))
    if json:
        show.as_json({"items": found, "not_asked": away})
    else:
        show.table(
            "Dead letters",
            ["service", ">id", "topic", ">partition", ">offset", "reason", "detail", "since", "replayed"],
            [
                (
                    one["service"],
                    one["id"],
                    one["topic"],
                    one["partition"],
                    one["record_offset"],
                    one["reason"],
                    one["detail"],
                    show.moment(one["created_at"]),
                    show.moment(one["replayed_at"]) if one["replayed_at"] else "",
                )
                for one in found
            ],
        )
        for name in away:
            show.say(f"{name} does not answer: its dead letters are not in this list.")
    if away:
        raise typer.Exit(NO)


@dead_letters.command("show")
def show_letter(service: Service, letter: Letter, *, tenant: Tenant = "", json: show.AsJson = False) -> None:
    """One with its bytes."""
    with open_client(tenant) as client:
        found = client.get(f"{_path(service)}/{letter}")
    if json:
        show.as_json(found)
        return
    shown = [(name.replace("_", " "), value) for name, value in found.items() if name not in {"value", "headers"}]
    show.facts(f"Dead letter {letter} of {service}", shown)
    show.facts("Headers", list(found["headers"].items()))
    show.say("Value")
    show.say(found["value"])


@dead_letters.command()
def replay(service: Service, letter: Letter, *, tenant: Tenant = "", json: show.AsJson = False) -> None:
    """Hand its bytes to the service's handler once more; exit status 1 where it was replayed before."""
    with open_client(tenant) as client:
        found = client.post(f"{_path(service)}/{letter}/replay")
    if json:
        show.as_json(found)
        return
    show.say(f"Dead letter {letter} of {service} was handled.")


def _letters(client: Client, only: str | None, away: list[str]) -> Iterator[dict[str, Any]]:
    named = [only] if only else [one["service"] for one in client.get("/v1/console/status")["items"]]
    for service in named:
        try:
            for letter in client.pages(_path(service)):
                yield {"service": service, **letter}
        except ApiProblem as problem:
            if only or not problem.may_pass:
                raise
            away.append(service)


def _path(service: str) -> str:
    return f"/v1/{segment(service)}/dead-letters"
