import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import pytest_asyncio
from typer.testing import CliRunner, Result

from console.commands.app import app
from console.commands.client import ApiProblem, Client
from console.commands.show import money, plain
from servicekit import Problem
from tests.console.conftest import Console
from tests.console.peers import Step, free_port

Run = Callable[..., Awaitable[Result]]
SETUP = "/v1/setup-validation/setup"
CHECKS = "/v1/setup-validation/checks"
LATER = "2126-01-02T00:00:00Z"
KEY = "canaryKeyOfTheCommandLine"
RUN = {
    "run_id": "r-1",
    "state": "running",
    "documents": [],
    "steps": [{"step": "lines", "state": "running", "done": 1, "total": 2, "counts": {}, "message": "still arriving"}],
    "counts": {"ready": 2, "held": 0},
    "files": ["a.csv"],
    "created_at": "2026-11-21T03:13:33Z",
    "updated_at": "2026-11-21T03:13:33Z",
}


@pytest_asyncio.fixture(loop_scope="session")
async def psabridge(at: Console, acme: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run the command line as somebody at a terminal of 100 columns, against the running console."""
    monkeypatch.chdir(tmp_path)
    for name in ("PSABRIDGE_TOKEN_FILE", "PSABRIDGE_PRIVATE_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PSABRIDGE_URL", at.url)
    monkeypatch.setenv("PSABRIDGE_TOKEN", at.token)
    monkeypatch.setenv("PSABRIDGE_TENANT", acme)
    monkeypatch.setenv("COLUMNS", "100")

    async def run(*words: str, given: str | None = None) -> Result:
        result = await asyncio.to_thread(CliRunner().invoke, app, list(words), input=given)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert "Traceback" not in result.output
        assert at.token not in result.output
        assert KEY not in result.output
        return result

    return run


def connecting(company: str) -> tuple[str, ...]:
    return (*("connect", "--site", "na", "--company-id", company), *("--public-key", "pub", "--client-id", "client"))


def checked(status: str, *, at: str = "2026-01-02T00:00:00Z", connection: str = "one") -> dict[str, Any]:
    state = "passed" if status == "ready" else "failed"
    finding = {"check": "key", "title": "The site accepts the key", "state": state, "severity": "required"}
    finding |= {"detail": "401", "screen": "System > Members", "fix": "Make a new key"}
    features = ["additions"] if status == "ready" else []
    return {"status": status, "features": features, "findings": [finding], "checked_at": at, "connection": connection}


async def test_connect_makes_tenant_connection_and_program_and_shows_the_check(
    at: Console, psabridge: Run, tmp_path: Path, acme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PSABRIDGE_TENANT", f"{acme}-new")
    (tmp_path / "key").write_text(f"{KEY}\n")
    not_there_yet = Problem(409, "not_connected", "no connection yet")
    at.services.answers["POST", CHECKS] = [Step(not_there_yet), Step({"asked_at": "2026-01-02T00:00:00Z"})]
    nothing = Problem(404, "not_checked", "not yet")
    old = checked("not_ready", at="2026-01-01T00:00:00Z")
    at.services.answers["GET", SETUP] = [Step(nothing), Step(nothing), Step(old), Step(checked("ready"))]
    done = await psabridge(
        *connecting(acme), "--private-key-file", "key", "--markup", "20", "--tenant-name", "Newcomer"
    )
    assert done.exit_code == 0, done.output
    assert "may be written: additions" in done.stdout
    assert "20 % on the list price" in done.stdout
    [connection] = await at.events(f"{acme}-new", "config.connections.v1")
    assert (connection["data"]["company_id"], connection["data"]["site_id"]) == (acme, f"connectwise:{acme}")
    [program] = await at.events(f"{acme}-new", "config.programs.v1")
    assert program["data"]["price_rule"]["markup_percent"] == "20"
    listed = json.loads((await psabridge("tenants", "list", "--json")).stdout)
    assert {one["tenant_id"]: one["name"] for one in listed}[f"{acme}-new"] == "Newcomer"


async def test_connect_says_no_where_the_setup_is_not_ready(
    at: Console, psabridge: Run, monkeypatch: pytest.MonkeyPatch, acme: str
) -> None:
    monkeypatch.setenv("PSABRIDGE_PRIVATE_KEY", KEY)
    at.services.answers["POST", CHECKS] = {"asked_at": "2026-01-02T00:00:00Z"}
    at.services.answers["GET", SETUP] = [Step(Problem(404, "not_checked", "")), Step(checked("not_ready"))]
    refused = await psabridge(*connecting(acme))
    assert refused.exit_code == 1
    assert "System > Members" in refused.stdout
    assert "not_ready; may be written: nothing" in refused.stdout
    at.services.answers["POST", CHECKS] = {"asked_at": LATER}
    at.services.answers["GET", SETUP] = checked("not_ready", at=LATER)
    as_json = await psabridge(*connecting(acme), "--json")
    assert as_json.exit_code == 1
    assert json.loads(as_json.stdout)["setup"]["status"] == "not_ready"


async def test_a_result_of_the_old_key_is_not_taken_for_the_new_ones(
    at: Console, psabridge: Run, monkeypatch: pytest.MonkeyPatch, acme: str
) -> None:
    monkeypatch.setenv("PSABRIDGE_PRIVATE_KEY", KEY)
    at.services.answers["POST", CHECKS] = {"asked_at": "2026-01-02T00:00:00Z"}
    at.services.answers["GET", SETUP] = [Step(Problem(404, "not_checked", "")), Step(checked("not_ready"))]
    assert (await psabridge(*connecting(acme))).exit_code == 1
    # Asked for before the other service can have heard of the key: that result is the old key's.
    at.services.answers["POST", CHECKS] = [Step({"asked_at": "2026-01-02T00:00:00Z"}), Step({"asked_at": LATER})]
    at.services.answers["GET", SETUP] = [*[Step(checked("not_ready"))] * 2, Step(checked("ready", at=LATER))]
    assert (await psabridge(*connecting(acme))).exit_code == 0


@pytest.mark.parametrize("more", [("--markup", "much"), ("--markup", "20,5"), ("--basis", "guess", "--markup", "1")])
async def test_connect_refuses_what_cannot_be(
    psabridge: Run, acme: str, more: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PSABRIDGE_PRIVATE_KEY", KEY)
    refused = await psabridge(*connecting(acme), *more)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr


async def test_a_private_key_is_no_argument(psabridge: Run, acme: str) -> None:
    refused = await psabridge(*connecting(acme), "--private-key", "x")
    assert refused.exit_code == 2


async def test_a_private_key_comes_from_standard_input(at: Console, psabridge: Run, acme: str) -> None:
    at.services.answers["POST", CHECKS] = {"asked_at": "2026-01-02T00:00:00Z"}
    at.services.answers["GET", SETUP] = [Step(Problem(404, "not_checked", "")), Step(checked("ready"))]
    done = await psabridge(*connecting(acme), "--private-key-file", "-", given=f"{KEY}\n")
    assert done.exit_code == 0, done.output


async def test_an_import_is_sent_whole_and_shown_with_its_totals(at: Console, psabridge: Run, tmp_path: Path) -> None:
    content = b"x" * 700_000
    (tmp_path / "recon.csv").write_bytes(content)
    received: list[tuple[bytes, str]] = []

    def receive(body: bytes, scope: Any) -> dict[str, Any]:
        received.append((body, scope["query_string"].decode()))
        return {"import_id": "i-1", "bytes": len(body)}

    found = {"import_id": "i-1", "rows": 12, "refusals": [], "warnings": ["row 2: odd"]}
    at.services.answers["POST", "/v1/billing-intake/imports"] = receive
    at.services.answers["GET", "/v1/billing-intake/imports/i-1"] = [
        Step({**found, "state": "received"}),
        Step({**found, "state": "sealed"}),
    ]
    document = {"number": "G1", "currency": "USD", "lines": 12, "cost_total": "3651.880000", "tax_total": "130.59"}
    at.services.answers["GET", "/v1/billing-intake/documents"] = {
        "items": [{**document, "tied": True, "import_id": "i-1"}, {**document, "number": "G0", "import_id": "i-0"}],
        "next": None,
    }
    done = await psabridge("import", "recon.csv", "--expect-total", "G1=3782.47")
    assert done.exit_code == 0, done.output
    assert received == [(content, "file=recon.csv&expect_total=G1%3D3782.47")]
    assert "3,651.88" in done.stdout
    assert "3,782.47" in done.stdout
    assert "G0" not in done.stdout
    assert "row 2: odd" in done.stdout


async def test_a_refused_import_names_row_column_value_and_rule(at: Console, psabridge: Run, tmp_path: Path) -> None:
    (tmp_path / "recon.csv").write_text("x")
    refusal = {"rule": "no_amount", "message": "is no amount", "row": 7, "column": "Subtotal", "value": "12,x"}
    found = {"import_id": "i-1", "rows": 0, "refusals": [refusal], "warnings": [], "state": "refused"}
    at.services.answers["POST", "/v1/billing-intake/imports"] = {"import_id": "i-1"}
    at.services.answers["GET", "/v1/billing-intake/imports/i-1"] = found
    refused = await psabridge("import", "recon.csv")
    assert refused.exit_code == 1
    assert all(part in refused.stdout for part in ("recon.csv", "7", "Subtotal", "12,x", "no_amount", "is no amount"))
    as_json = await psabridge("import", "recon.csv", "--json")
    assert json.loads(as_json.stdout)["import"]["refusals"] == [refusal]


async def test_mapping_waits_for_the_site_to_be_read(at: Console, psabridge: Run, tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("x")
    path = "/v1/customer-import/mappings/import"
    at.services.answers["GET", "/v1/customer-import/refresh"] = {"state": "reading", "blocked": "", "error": ""}
    taken = {"new": 3, "changed": 1, "unchanged": 0, "advice": ["rather monthly"]}
    at.services.answers["POST", path] = [Step(Problem(409, "not_read", "not read")), Step(taken)]
    done = await psabridge("map", "m.csv")
    assert done.exit_code == 0, done.output
    assert "3 new, 1 changed" in done.stdout
    assert "rather monthly" in done.stdout
    refusal = {"rule": "company_unknown", "message": "no such company", "row": 2, "column": "company", "value": "X"}
    at.services.answers["POST", path] = Problem(422, "mappings_refused", "nothing was taken in", refusals=[refusal])
    refused = await psabridge("map", "m.csv")
    assert refused.exit_code == 1
    assert "company_unknown" in refused.stdout


async def test_a_run_is_followed_to_where_a_person_is_needed(at: Console, psabridge: Run) -> None:
    path = "/v1/sync-workflow/runs/r-1"
    at.services.answers["GET", path] = [
        Step(Problem(404, "not_found", "not there yet")),
        Step(Problem(503, "service_down", "restarting")),
        Step(RUN),
        Step({**RUN, "state": "needs_approval"}),
    ]
    reached = await psabridge("runs", "wait", "r-1")
    assert reached.exit_code == 0, reached.output
    assert "lines running 1 of 2: still arriving" in reached.stderr
    assert (await psabridge("runs", "wait", "r-1", "--until", "closed")).exit_code == 1
    at.services.answers["GET", path] = {**RUN, "state": "failed"}
    assert (await psabridge("runs", "wait", "r-1")).exit_code == 1
    at.services.answers["GET", path] = {**RUN, "state": "closed_with_held"}
    assert (await psabridge("runs", "wait", "r-1", "--until", "closed", "--json")).exit_code == 0
    at.services.answers["GET", path] = RUN
    late = await psabridge("runs", "wait", "r-1", "--within", "0.2")
    assert (late.exit_code, "not there after" in late.stderr) == (1, True)


async def test_runs_are_shown_with_what_approval_writes(at: Console, psabridge: Run) -> None:
    at.services.answers["GET", "/v1/sync-workflow/runs"] = {"items": [RUN], "next": None}
    at.services.answers["GET", "/v1/sync-workflow/runs/r-1"] = {**RUN, "state": "needs_approval"}
    agreement = {"agreement_id": 4, "agreement_name": "Microsoft CSP", "company_id": 1, "currency": "USD", "lines": 2}
    agreement["corrections"] = 1
    plan = {"agreements": [{**agreement, "cost": "100.000000", "price": "120.5"}]}
    at.services.answers["GET", "/v1/invoice-push/plan"] = plan
    at.services.answers["GET", "/v1/invoice-push/runs/r-1/progress"] = PROGRESS
    at.services.answers["GET", "/v1/invoice-push/corrections"] = {"items": [CORRECTION], "next": None}
    assert "r-1" in (await psabridge("runs", "list")).stdout
    shown = await psabridge("runs", "show", "r-1")
    assert "20.50" in shown.stdout
    assert "in doubt, settles by itself  2" in shown.stdout
    assert "reversal-1" in shown.stdout
    assert "psabridge runs approve r-1" in shown.stdout
    at.services.answers["POST", "/v1/sync-workflow/runs/r-1/approve"] = RUN
    assert (await psabridge("runs", "approve", "r-1")).exit_code == 0
    at.services.answers["POST", "/v1/sync-workflow/runs/r-1/approve"] = Problem(409, "nothing_waits", "none waits")
    refused = await psabridge("runs", "approve", "r-1")
    assert (refused.exit_code, refused.stderr.strip()) == (1, "none waits")


async def test_credits_are_let_pass_before_the_run_is_approved(at: Console, psabridge: Run) -> None:
    done: list[str] = []

    def noted(name: str, answer: dict[str, Any]) -> Any:
        def answered(_: bytes, __: Any) -> dict[str, Any]:
            done.append(name)
            return answer

        return answered

    at.services.answers["POST", "/v1/invoice-push/runs/r-1/credits"] = noted("credits", {"corrections": 1})
    at.services.answers["GET", "/v1/sync-workflow/runs/r-1"] = [Step(RUN), Step({**RUN, "state": "needs_approval"})]
    at.services.answers["GET", "/v1/invoice-push/plan"] = noted("plan", {"agreements": []})
    at.services.answers["POST", "/v1/sync-workflow/runs/r-1/approve"] = noted("approve", RUN)
    approved = await psabridge("runs", "approve", "r-1", "--credits")
    assert approved.exit_code == 0, approved.output
    assert done == ["credits", "plan", "approve"]


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ((), "scope=tenant"),
        (("r-1",), "scope=run&name=r-1"),
        (("--agreement", "12"), "scope=lane&name=agreement-12"),
        (("--agreement", "agreement-12"), "scope=lane&name=agreement-12"),
    ],
)
async def test_everything_a_run_or_an_agreement_is_paused(
    at: Console, psabridge: Run, typed: tuple[str, ...], asked: str
) -> None:
    queries: list[str] = []

    def paused(_: bytes, scope: Any) -> dict[str, Any]:
        queries.append(scope["query_string"].decode())
        return {"items": [{"scope": "run", "name": "r-1", "message": "month end", "paused_at": "2026-01-01T00:00:00Z"}]}

    at.services.answers["POST", "/v1/invoice-push/pauses"] = at.services.answers["GET", "/v1/invoice-push/pauses"] = (
        paused
    )
    found = await psabridge("runs", "pause", *typed, "--why", "month end")
    assert found.exit_code == 0, found.output
    assert (queries[0], "month end" in found.stdout) == (f"{asked}&message=month+end", True)
    assert "r-1" in (await psabridge("runs", "pauses")).stdout
    assert (await psabridge("runs", "pause", "r-1", "--agreement", "12")).exit_code == 2


async def test_all_that_was_ever_written_is_compared_without_a_run(at: Console, psabridge: Run) -> None:
    lists = "/v1/invoice-push/reconciliations"
    read = {"agreement_id": 4, "agreement_name": "Microsoft CSP", "additions": 1, "expected": 1, "cost": "1"}
    read |= {"price": "2", "differences": []}
    at.services.answers["POST", lists] = {"asked_at": "2026-01-01T00:00:00Z"}
    earlier, later = ({"began_at": f"{year}-12-31T00:00:00Z"} for year in (2025, 2026))
    last = [Step(Problem(404, "not_reconciled", "not yet")), Step(earlier), Step(later)]
    at.services.answers["GET", f"{lists}/last"] = last
    at.services.answers["GET", lists] = {"items": [read], "next": None}
    holds = await psabridge("reconcile")
    assert holds.exit_code == 0, holds.output
    patch = {"member": "unitPrice", "from": "1", "to": "2"}
    drifted = {
        "kind": "drifted",
        "remote_id": 7,
        "detail": "unit price 1 instead of 2",
        "proposal": "set it back in ConnectWise",
        "operations": [{"kind": "patch", "agreement_id": 4, "addition_id": 7, "changes": [patch]}],
    }
    at.services.answers["GET", lists] = {"items": [{**read, "differences": [drifted]}], "next": None}
    differs = await psabridge("reconcile")
    assert differs.exit_code == 1
    said = " ".join(differs.stdout.split())
    assert "addition 7 drifted: unit price 1 instead of 2; set it back in ConnectWise (patch" in said
    assert "unitPrice 1 -> 2)" in said


async def test_what_failed_or_was_paused_goes_on_by_one_command(at: Console, psabridge: Run) -> None:
    at.services.answers["POST", "/v1/invoice-push/runs/r-1/retry"] = {"lines": 2}
    assert "2 lines are looked at again" in (await psabridge("runs", "retry", "r-1")).stdout
    at.services.answers["POST", "/v1/invoice-push/runs/r-1/retry"] = {"lines": 0}
    assert (await psabridge("runs", "retry", "r-1")).exit_code == 1
    paused = {
        "scope": "lane",
        "name": "agreement-4",
        "message": "the role lacks Add",
        "paused_at": "2026-01-01T00:00:00Z",
    }
    at.services.answers["GET", "/v1/invoice-push/pauses"] = {"items": [paused]}
    at.services.answers["POST", "/v1/invoice-push/pauses/resume"] = {"resumed": 1}
    resumed = await psabridge("runs", "resume", "--agreement", "agreement-4")
    assert (resumed.exit_code, "the role lacks Add" in resumed.stdout) == (0, True)
    at.services.answers["POST", "/v1/invoice-push/pauses/resume"] = {"resumed": 0}
    assert (await psabridge("runs", "resume")).exit_code == 1


async def test_reconcile_says_whether_the_proof_holds(at: Console, psabridge: Run) -> None:
    step = {"step": "reconcile", "state": "done", "done": 1, "total": 1, "counts": {}, "message": ""}
    read = {"agreement_id": 4, "agreement_name": "Microsoft CSP", "company_id": 1, "additions": 1, "expected": 1}
    read |= {"cost": "1", "price": "2", "expected_cost": "1", "expected_price": "2", "differences": []}
    before, after = ({**read, "read_at": at} for at in ("2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"))
    document = {"number": "G1", "currency": "USD", "cost": "10", "rows": [], "unexplained": "0.000000"}
    lists = "/v1/invoice-push/reconciliations"
    at.services.answers["POST", "/v1/sync-workflow/runs/r-1/reconcile"] = RUN
    at.services.answers["GET", "/v1/sync-workflow/runs/r-1"] = {**RUN, "steps": [step]}
    at.services.answers["GET", "/v1/invoice-push/proof"] = {"documents": [document], "next": None}
    at.services.answers["GET", lists] = [Step({"items": [before]}), Step({"items": [before]}), Step({"items": [after]})]
    holds = await psabridge("reconcile", "r-1")
    assert holds.exit_code == 0, holds.output
    assert "The proof holds" in holds.stdout
    at.services.answers["GET", lists] = [Step({"items": [before]}), Step({"items": [after]})]
    at.services.answers["GET", "/v1/invoice-push/proof"] = {
        "documents": [{**document, "unexplained": "0.01"}],
        "next": None,
    }
    assert (await psabridge("reconcile", "r-1")).exit_code == 1
    at.services.answers["GET", "/v1/invoice-push/proof"] = {"documents": [document], "next": None}
    missing = {**after, "differences": [{"kind": "missing", "detail": "gone"}]}
    at.services.answers["GET", lists] = [Step({"items": [before]}), Step({"items": [missing]})]
    differs = await psabridge("reconcile", "r-1", "--json")
    assert differs.exit_code == 1
    assert json.loads(differs.stdout)["holds"] is False


async def test_lines_are_listed_page_by_page_and_shown_by_number(at: Console, psabridge: Run) -> None:
    line = dict.fromkeys(LINE, "") | {"position": 7, "identity": "a:b/c#0 ü", "customer_name": "Evil\x1b[31m [red]"}
    line |= {"quantity": "2.000", "source_cost": "1234.5", "currency": "USD", "state": "held", "reason": "zero"}
    line |= {"list_unit": "1", "effective_unit": "1", "tax": "0", "draft": None, "addition_id": None}
    pages: list[str] = []

    def page(_: bytes, scope: Any) -> dict[str, Any]:
        pages.append(scope["query_string"].decode())
        return {"items": [line], "next": "7" if "after" not in pages[-1] else None}

    at.services.answers["GET", "/v1/invoice-push/lines"] = page
    listed = await psabridge("lines", "list", "--run", "r-1", "--customer", "evil")
    assert listed.exit_code == 0, listed.output
    assert "1,234.50 USD" in listed.stdout
    assert "\x1b" not in listed.stdout
    assert "[red]" in listed.stdout
    assert pages == ["run=r-1&customer=evil&size=101", "run=r-1&customer=evil&size=101&after=7"]
    made: dict[str, Any] = {"operation": None, "attempts": [], "decisions": []}
    story: dict[str, Any] = {"line": line, "remedy": "nothing to do", **made}
    story["corrections"] = [{"correction": CORRECTION, "remedy": "let it pass", **made}]
    at.services.answers["GET", "/v1/invoice-push/lines/a:b/c#0 ü"] = story
    for name in ("7", "a:b/c#0 ü"):
        shown = await psabridge("lines", "show", name)
        assert shown.exit_code == 0, shown.output
        assert "nothing to do" in shown.stdout
        assert "let it pass" in shown.stdout
    assert (await psabridge("lines", "show", "8")).exit_code == 2


async def test_a_conflict_is_decided_by_the_line_that_it_is_of(at: Console, psabridge: Run) -> None:
    asked: list[dict[str, str]] = []

    def decided(_: bytes, scope: Any) -> dict[str, Any]:
        asked.append(dict(parse_qsl(scope["query_string"].decode())))
        return {"state": "confirmed", "message": "quantity 3 instead of 10"}

    done = {"operation": {"key": "addition/l/charge/1", "state": "confirmed"}}
    stuck = {"operation": {"key": "addition/a%2Fb%25/difference-1", "state": "conflict"}}
    at.services.answers["GET", "/v1/invoice-push/lines/l"] = {**done, "corrections": [stuck]}
    at.services.answers["POST", "/v1/invoice-push/operations/decide"] = decided
    adopted = await psabridge("lines", "decide", "l", "--adopt", "12")
    assert (adopted.exit_code, "quantity 3 instead of 10" in adopted.stdout) == (0, True), adopted.output
    assert (await psabridge("lines", "decide", "l", "--not-there")).exit_code == 0
    key = "addition/a%2Fb%25/difference-1"
    assert asked == [
        {"key": key, "decision": "adopt", "addition_id": "12"},
        {"key": key, "decision": "try_again"},
    ]
    for wrong in ((), ("--adopt", "12", "--not-there"), ("--adopt", "0")):
        assert (await psabridge("lines", "decide", "l", *wrong)).exit_code == 2
    at.services.answers["GET", "/v1/invoice-push/lines/l"] = {**done, "corrections": []}
    assert (await psabridge("lines", "decide", "l", "--not-there")).exit_code == 1
    assert len(asked) == 2


async def test_dead_letters_are_those_of_all_services_that_answer(at: Console, psabridge: Run, acme: str) -> None:
    letter = {"id": 3, "tenant_id": acme, "topic": "t.v1", "partition": 0, "record_offset": 9, "reason": "schema"}
    letter |= {"detail": "no such field", "created_at": "2026-01-01T00:00:00Z", "replayed_at": None}
    nothing: dict[str, Any] = {"items": [], "next": None}
    for service in ("billing-intake", "setup-validation", "customer-import", "sync-workflow"):
        at.services.answers["GET", f"/v1/{service}/dead-letters"] = nothing
    at.services.answers["GET", "/v1/invoice-push/dead-letters"] = {"items": [letter], "next": None}
    listed = await psabridge("dead-letters", "list")
    # Two of the test's services are down: a list that may lack something says so.
    assert listed.exit_code == 1
    assert "no such field" in listed.stdout
    assert "nobody-listens does not answer" in listed.stdout
    assert (await psabridge("dead-letters", "list", "--service", "invoice-push")).exit_code == 0
    assert (await psabridge("dead-letters", "list", "--service", "nobody-listens")).exit_code == 3
    at.services.answers["GET", "/v1/invoice-push/dead-letters/3"] = {**letter, "value": "{}", "headers": {"id": "x"}}
    assert "no such field" in (await psabridge("dead-letters", "show", "invoice-push", "3")).stdout
    at.services.answers["POST", "/v1/invoice-push/dead-letters/3/replay"] = letter
    assert (await psabridge("dead-letters", "replay", "invoice-push", "3")).exit_code == 0
    at.services.answers["POST", "/v1/invoice-push/dead-letters/3/replay"] = Problem(409, "not_replayable", "was before")
    assert (await psabridge("dead-letters", "replay", "invoice-push", "3")).exit_code == 1


async def test_status_says_no_while_a_service_is_not_ready(psabridge: Run) -> None:
    shown = await psabridge("status")
    assert shown.exit_code == 1
    assert "does not answer" in shown.stdout
    assert {one["service"]: one["ready"] for one in json.loads((await psabridge("status", "--json")).stdout)}["console"]


async def test_adopt_asks_first_and_then_adopts_what_is_foreign(at: Console, psabridge: Run) -> None:
    own = {"id": "here", "foreign_to": "", "restores": 0, "restored_because": ""}
    for one in (await at.ask("GET", "/v1/console/status")).json()["items"]:
        at.services.answers["GET", f"/v1/{one['service']}/installation"] = own
    place = "/v1/invoice-push/installation"
    at.services.answers["GET", place] = own | {"id": "the original", "foreign_to": "here"}
    at.services.answers["POST", f"{place}/adopt"] = own
    refused = await psabridge("adopt", given="n\n")
    assert (refused.exit_code, "the original" in refused.output) == (1, True)
    assert ("POST", f"{place}/adopt") not in [asked[:2] for asked in at.services.asked]
    adopted = await psabridge("adopt", "--yes")
    # One of the services of these tests is down: it is named, and the answer is no.
    assert (adopted.exit_code, "nobody-listens does not answer" in adopted.stdout) == (1, True)
    assert ("POST", f"{place}/adopt") in [asked[:2] for asked in at.services.asked]


async def test_topics_are_those_of_the_registry(psabridge: Run) -> None:
    assert "billing.invoice-lines.v1" in (await psabridge("topics")).stdout


async def test_tokens_are_made_and_revoked(at: Console, psabridge: Run) -> None:
    made = await psabridge("tokens", "create", "A colleague", "--role", "viewer", "--scope", "billing.read")
    assert made.exit_code == 0, made.output
    token = made.stdout.strip()
    assert (await at.ask("GET", "/v1/console/me", token=token)).json()["permissions"] == ["billing.read", "self.read"]
    listed = await psabridge("tokens", "list")
    assert "A colleague" in listed.stdout
    assert token not in listed.stdout
    assert (await psabridge("tokens", "revoke", token.split("_")[1])).exit_code == 0
    assert (await at.ask("GET", "/v1/console/me", token=token)).status_code == 401


async def test_what_is_out_of_reach_or_not_permitted_ends_with_3(
    at: Console, psabridge: Run, acme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PSABRIDGE_TOKEN", await at.token_of(acme, "viewer"))
    assert (await psabridge("runs", "approve", "r-1")).exit_code in {2, 3}
    forbidden = await psabridge("status")
    assert (forbidden.exit_code, "operate" in forbidden.stderr) == (3, True)
    monkeypatch.setenv("PSABRIDGE_TOKEN", "psab_wrong")
    assert (await psabridge("status")).exit_code == 3
    monkeypatch.setenv("PSABRIDGE_URL", f"http://127.0.0.1:{free_port()}")
    away = await psabridge("status")
    assert (away.exit_code, "cannot be reached" in away.stderr) == (3, True)


async def test_without_address_or_token_it_says_what_to_set(psabridge: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PSABRIDGE_TOKEN")
    no_token = await psabridge("status")
    assert (no_token.exit_code, "PSABRIDGE_TOKEN" in no_token.stderr) == (2, True)
    monkeypatch.setenv("PSABRIDGE_TOKEN_FILE", "no-such-file")
    assert (await psabridge("status")).exit_code == 2
    monkeypatch.delenv("PSABRIDGE_URL")
    no_url = await psabridge("status")
    assert (no_url.exit_code, "PSABRIDGE_URL" in no_url.stderr) == (2, True)


async def test_the_stack_of_the_current_folder_is_found_and_its_token_goes_nowhere_else(
    at: Console, psabridge: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("PSABRIDGE_TOKEN")
    monkeypatch.delenv("PSABRIDGE_URL")
    stack = tmp_path / ".devstack"
    stack.mkdir()
    known = {"folder": str(stack), "ports": {}, "processes": {"console": {"url": at.url}}}
    (stack / "state.json").write_text(json.dumps(known))
    (stack / "admin-token").write_text(at.token)
    assert (await psabridge("topics")).exit_code == 0
    monkeypatch.setenv("PSABRIDGE_URL", at.url)
    assert (await psabridge("topics")).exit_code == 2
    monkeypatch.delenv("PSABRIDGE_URL")
    (stack / "state.json").write_text(json.dumps({**known, "folder": "/copied/from/elsewhere"}))
    assert (await psabridge("topics")).exit_code == 2


async def test_ctrl_c_ends_cleanly(psabridge: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(Client, "get", interrupted)
    stopped = await psabridge("status")
    assert (stopped.exit_code, stopped.stdout) == (130, "")


async def test_the_client_says_what_was_answered(at: Console, acme: str) -> None:
    at.services.answers["GET", "/v1/invoice-push/x"] = Problem(409, "own_code", "own words", rule="R1")

    def ask() -> ApiProblem:
        with Client(at.url, at.token, acme) as client, pytest.raises(ApiProblem) as raised:
            client.get("/v1/invoice-push/x")
        return raised.value

    problem = await asyncio.to_thread(ask)
    assert (problem.status, problem.code, problem.detail, problem.more) == (
        409,
        "own_code",
        "own words",
        {"rule": "R1"},
    )
    assert not problem.may_pass


def test_the_command_line_has_nothing_of_the_server() -> None:
    code = (
        "import sys, console.commands;"
        "print([name for name in sys.modules if name.split('.')[0] in "
        "('fastapi', 'starlette', 'asyncpg', 'servicekit', 'storage', 'messaging', 'tenancy', 'connectwise', 'uvicorn')"
        " or name in ('console.api', 'console.app', 'console.store')])"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)  # noqa: S603
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("amount", "shown"),
    [("3651.880000", "3,651.88"), ("0", "0.00"), ("-12.5", "-12.50"), ("0.333333", "0.333333"), ("1E+3", "1,000.00")],
)
def test_money_keeps_every_digit(amount: str, shown: str) -> None:
    assert money(amount) == shown


def test_nothing_that_is_shown_moves_the_cursor() -> None:
    assert plain("a\x1b[2J\nb\r\x07") == "a?[2J?b??"


PROGRESS = {"done": 3, "left": 4, "failed": 0, "waiting": 1, "ambiguous": 2, "per_minute": 9.5, "held": ""}
PROGRESS["ends_at"] = "2026-11-21T03:20:00Z"
CORRECTION = {"identity": "a:b", "component": "reversal-1", "agreement_id": 4, "currency": "USD", "cost": "-1.00"}
CORRECTION |= {"price": "-2.00", "state": "held", "reason": "below zero", "detail": ""}
LINE = (
    *("tenant_id", "identity", "position", "document_id", "run_id", "file", "row", "customer_name", "product_name"),
    *("subscription_id", "raw_kind", "motion", "period_start", "period_end", "reason", "detail", "agreement_id"),
    *("written_cost", "written_price", "amended_by"),
)
