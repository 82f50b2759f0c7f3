import json
from collections import Counter
from pathlib import Path

import pytest

from tests import requirements_report as report

pytest_plugins = ["pytester"]


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project with a document of two requirements."""
    pytester.makeini("[pytest]\naddopts = --strict-markers")
    (pytester.mkdir("docs") / "requirements.md").write_text("- **R1** One holds.\n- **B2** Two holds.\n")
    return pytester


def run(project: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return project.runpytest_inprocess("-p", "tests.plugins.requirements", "-p", "no:asyncio", *arguments)


def record(project: pytest.Pytester) -> dict[str, tuple[list[str], str]]:
    tests = report.recorded(project.path / report.RECORD)
    assert tests is not None
    return {nodeid.partition("::")[2]: (test["requirements"], test["outcome"]) for nodeid, test in tests.items()}


def test_document_lists_every_requirement_once() -> None:
    listed = Counter(name for name, _ in report.entries(report.ROOT / report.DOCUMENT))
    expected = [f"{group}{n}" for group, last in (("R", 136), ("C", 27), ("B", 22)) for n in range(1, last + 1)]
    assert listed == Counter(expected)


def test_unknown_requirement_is_refused_at_collection(project: pytest.Pytester) -> None:
    project.makepyfile(test_a="import pytest\n@pytest.mark.requirement('R1', 'R999')\ndef test_one(): pass")
    result = run(project)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*test_a.py::test_one: requirement 'R999' is not in docs/requirements.md"])
    assert not (project.path / report.RECORD).exists()


def test_marker_without_an_id_is_refused(project: pytest.Pytester) -> None:
    project.makepyfile("import pytest\n@pytest.mark.requirement\ndef test_one(): pass")
    result = run(project)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*test_one: the requirement marker names no id"])


def test_outcomes_are_recorded_for_tests_with_requirements(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import pytest
        pytestmark = pytest.mark.requirement("R1")
        @pytest.fixture
        def broken():
            yield
            raise RuntimeError
        @pytest.mark.requirement("B2")
        def test_passes(): pass
        def test_fails(): assert False
        def test_fails_late(broken): pass
        @pytest.mark.skip
        def test_skipped(): pass
        """
    )
    run(project)
    assert record(project) == {
        "test_passes": (["B2", "R1"], "passed"),
        "test_fails": (["R1"], "failed"),
        "test_fails_late": (["R1"], "failed"),
        "test_skipped": (["R1"], "skipped"),
    }


def test_workers_of_one_run_write_one_record(project: pytest.Pytester) -> None:
    one = "import pytest\n@pytest.mark.requirement('R1')\ndef test_one(): pass\n"
    two = "import pytest\n@pytest.mark.requirement('B2')\ndef test_two(): assert False\n"
    gone = "@pytest.mark.requirement('B2')\ndef test_gone(): pass\n"
    project.makepyfile(test_a=one + gone, test_b=two)
    run(project)
    project.makepyfile(test_a=one)
    run(project, "-n", "2", "--dist", "loadfile")
    assert record(project) == {"test_one": (["R1"], "passed"), "test_two": (["B2"], "failed")}


def test_partial_run_keeps_what_other_tests_showed(project: pytest.Pytester) -> None:
    one = "import pytest\n@pytest.mark.requirement('R1')\ndef test_one(): assert {}\n"
    two = "@pytest.mark.requirement('B2')\ndef test_two(): pass\n"
    project.makepyfile(test_a=one.format("True") + two)
    run(project)
    project.makepyfile(test_a=one.format("1 == 2, 'a longer line'") + two)
    run(project, "test_a.py::test_one")
    run(project, "-k", "nothing")
    assert record(project) == {"test_one": (["R1"], "failed"), "test_two": (["B2"], "passed")}


def test_deleted_test_no_longer_counts(project: pytest.Pytester) -> None:
    marked = "import pytest\n@pytest.mark.requirement('R1')\ndef test_{}(): pass\n"
    project.makepyfile(test_a=marked.format("old"), test_b=marked.format("gone"))
    run(project)
    project.makepyfile(test_a=marked.format("renamed"))
    (project.path / "test_b.py").unlink()
    run(project)
    assert record(project) == {"test_renamed": (["R1"], "passed")}


def test_report_tells_passing_failing_and_untested_apart(
    project: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    project.makepyfile("import pytest\n@pytest.mark.requirement('R1')\ndef test_one(): pass")
    run(project)
    capsys.readouterr()
    assert report.main(["--json"], root=project.path) == 0
    rows = json.loads(capsys.readouterr().out)["requirements"]
    assert {row["id"]: (row["state"], row["passed"]) for row in rows} == {"R1": ("passing", 1), "B2": ("none", 0)}
    assert report.main([], root=project.path) == 0
    assert "1 of 2 requirements pass" in capsys.readouterr().out


def test_report_says_that_nothing_was_recorded(project: pytest.Pytester, capsys: pytest.CaptureFixture[str]) -> None:
    report.main([], root=project.path)
    assert "No test run was recorded" in capsys.readouterr().out
    report.main(["--json"], root=project.path)
    assert json.loads(capsys.readouterr().out)["recorded"] is False


@pytest.mark.parametrize(
    ("names", "joined"), [([], ""), (["R1"], "R1"), (["R1", "R2", "R9", "C10", "C11"], "R1-R2, R9, C10-C11")]
)
def test_neighbouring_ids_are_joined(names: list[str], joined: str) -> None:
    assert report.ranges(names) == joined


def test_unreadable_record_counts_as_none(tmp_path: Path) -> None:
    (broken := tmp_path / "record.json").write_text("{not json")
    assert report.recorded(broken) is None
