"""What is said at a run's end of all that was heard in it: lists of faults, or None where nothing was heard."""

from collections.abc import Callable, Sequence

from tests.openapi.document import Judge
from tests.openapi.recording import Exchange

Verdict = Callable[[Judge, Sequence[Exchange]], list[str] | None]


def every_request_of_the_client_is_as_published(judge: Judge, heard: Sequence[Exchange]) -> list[str] | None:
    """Of libs/connectwise, whoever was asked."""
    faults = {f"{each.method} {each.path}?{each.query}": judge.request_fault(each) for each in heard if each.is_ours}
    return [f"{asking}: {fault}" for asking, fault in faults.items() if fault] if faults else None


def every_answer_of_the_simulator_is_as_published(judge: Judge, heard: Sequence[Exchange]) -> list[str] | None:
    """Whoever asked."""
    answered = [each for each in heard if each.status is not None]
    faults = {f"{each.method} {each.path}?{each.query} {each.status}": judge.answer_fault(each) for each in answered}
    return [f"{answer}: {fault}" for answer, fault in faults.items() if fault] if faults else None


VERDICTS: dict[str, Verdict] = {
    verdict.__name__: verdict
    for verdict in (every_request_of_the_client_is_as_published, every_answer_of_the_simulator_is_as_published)
}
