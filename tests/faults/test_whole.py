"""Everything at once, from one seed: 12 % of all calls go wrong, and two senders are killed again and again."""

from collections.abc import Awaitable

import pytest

from connectwise_simulator.peers.faults import KINDS, PORT
from tests.faults.ground import MOST_AGREEMENTS, PACE, Case
from tests.faults.scene import Scene

CHANCE = 0.12
# Not: what stops for a person, what shuts the port for others as well, and what lies about an id.
APART = {"401", "403", "wrong_id"} | {kind for kind, effect in KINDS.items() if effect.afterwards in PORT}
LENGTHS = {
    "list_lag": PACE.list_lag,
    "apply_late": PACE.late_apply,
    "slow": PACE.deadline,
    "slow_answer": PACE.deadline,
}
DEATH_EVERY = 125
AT_ONCE = 2


def of(lines: int) -> Scene:
    async def play(case: Case) -> None:
        await case.approved(lines, MOST_AGREEMENTS)
        kinds = sorted(KINDS.keys() - APART)
        for number, kind in enumerate(kinds):
            # The first rule that strikes wins, so the share of those before it is made up for.
            chance = CHANCE / len(kinds) / (1 - CHANCE / len(kinds) * number)
            order = {"delay": LENGTHS.get(kind, 0.0), "retry_after": 0, "seed": 100 * case.seed + number}
            await case.site.fault(kind, path="additions", probability=chance, **order)
        replicas, deaths = [case.process(), case.process()], 0
        while not await case.is_settled():
            soon = len(case.site.written()) + case.dice.randint(1, 2 * DEATH_EVERY)
            await case.until(lambda soon=soon: reached(case, soon), "nothing goes on")  # type: ignore[misc]
            number = case.dice.randrange(2)
            replicas[number].kill()
            deaths += 1
            replicas[number] = case.process()
        assert case.site.struck() > CHANCE * lines / 2
        assert deaths >= lines / DEATH_EVERY / 2
        case.calm_from_now()
        await case.settles()
        await case.judged()
        assert await case.states() == {"confirmed": lines}
        assert len(set(case.site.written())) == len(case.site.written()) == lines

    return Scene(f"{lines} lines", play, one_in=int(lines < 1000))


async def reached(case: Case, written: int) -> bool:
    return len(case.site.written()) >= written or await case.is_settled()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("judgement", [of(150), of(1500)], ids=str, indirect=True)
async def test_as_many_lines_as_were_accepted_are_there_and_none_twice(judgement: Awaitable[None]) -> None:
    await judgement
