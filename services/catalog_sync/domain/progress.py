"""How far the catalog step of a run is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """In the words of a run's step."""

    state: str
    done: int
    total: int
    counts: dict[str, int]
    message: str


def progress(linked: int, held: int, failed: int, waiting: int, *, closed: str | None) -> Progress:
    """From how many wanted products are where; `closed` says why nothing may be written now."""
    counts = {"linked": linked, "held": held, "failed": failed, "waiting": waiting}
    total = linked + held + failed + waiting
    said = ", ".join(f"{number} {state}" for state, number in counts.items() if number) or "no item is needed"
    needs_a_person = closed is not None if waiting else held + failed > 0
    state = "blocked" if needs_a_person else "running" if waiting else "done"
    return Progress(state, linked, total, counts, f"{said}: {closed}" if waiting and closed else said)


def not_planned(reason: str, *, off: bool) -> Progress:
    """Nothing is planned: it is switched off, or there is no program yet."""
    return Progress("done" if off else "waiting", 0, 0, {}, reason)
