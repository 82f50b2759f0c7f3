"""The engine's role has no delete right (R19): our services never send ConnectWise a DELETE, though the client can."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SERVICES = Path(__file__).resolve().parents[1] / "services"
# The peer itself, and the command line, which calls our own API and not ConnectWise. Domain rooms call nobody.
ELSEWHERE = ("connectwise_simulator", "console/commands")


def deletes(source: str) -> Iterator[int]:
    """Lines that call something's `delete`, or name the verb; a route of our own is a decorator, and is none."""
    tree = ast.parse(source)
    routes = {
        decorator
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for decorator in node.decorator_list
    }
    for node in (node for node in ast.walk(tree) if isinstance(node, ast.expr)):
        called = isinstance(node, ast.Attribute) and node.attr == "delete"
        is_route = isinstance(node, ast.Attribute) and any(
            isinstance(route, ast.Call) and route.func is node for route in routes
        )
        if (called and not is_route) or (isinstance(node, ast.Constant) and node.value == "DELETE"):
            yield node.lineno


@pytest.mark.requirement("R19")
def test_no_service_deletes_at_connectwise() -> None:
    files = [
        path
        for path in SERVICES.rglob("*.py")
        if not path.relative_to(SERVICES).as_posix().startswith(ELSEWHERE) and "domain" not in path.parts
    ]
    assert len(files) > 50
    assert [f"{path.relative_to(SERVICES)}:{line}" for path in files for line in deletes(path.read_text())] == []


@pytest.mark.parametrize(
    "line", ["await psa.additions(1).delete(2)", "erase = psa.catalog.delete", 'calls.write("DELETE", path)']
)
def test_a_delete_would_be_seen(line: str) -> None:
    assert list(deletes(f"async def tidy():\n    {line}\n")) == [2]
