"""Everything a peer can do to a call: the lines come out right all the same, or as a question that people see."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from connectwise_simulator.peers.faults import KINDS, PORT, Apply, Tell
from connectwise_simulator.serve import serving, tls_of
from connectwise_simulator.state.history import Effect
from connectwise_simulator.world import World
from contracts import topics
from tests.connectwise_simulator.contract.certificate import certificate
from tests.factories import facts
from tests.factories.site import MAILBOX
from tests.faults.ground import OTHER_EVERY, PACE, Case
from tests.faults.oracle import US, Invariant, line_of
from tests.faults.scene import Scene

LINES = 8
POST: dict[str, Any] = {"method": "POST", "path": "additions"}
READ: dict[str, Any] = {"method": "GET", "path": "additions"}
# Within what the pace allows: the client has given up on some, and the peer applies them all the same.
DELAYS = {"list_lag": PACE.list_lag, "apply_late": PACE.deadline + 0.8 * PACE.late_apply}
# Not decided by the fault: an id that is told wrong looks like any other.
LIES = {"wrong_id"}
SHORT_READS = {"403", "truncated", "silent_before"}
# What such an answer pauses.
PAUSES = {"401": "tenant", "403": "lane"}


def strikes(kind: str, call: dict[str, Any], *, short: bool, **order: Any) -> Scene:
    """One call of a run goes wrong; which one is the seed's."""

    async def play(case: Case) -> None:
        await case.approved(LINES)
        nth = case.dice.randint(1, LINES - 1 if call is POST else 2)
        told = {"delay": DELAYS.get(kind, PACE.deadline / 2), "retry_after": 0} | order
        await case.site.fault(kind, **call, nth=nth, **told)
        async with case.sending():
            if kind in PAUSES:
                await resumed_when_paused(case, PAUSES[kind])
            await case.settles()
        assert case.site.struck() == 1
        await case.judged()

    name = "-".join([kind, call["method"], *(f"{name}={value}" for name, value in order.items())])
    return Scene(name, play, own_peer=KINDS[kind].afterwards in PORT, one_in=int(short))


def is_first_of_its_like(kind: str) -> bool:
    """The short form plays one kind of those that apply and tell alike."""

    def like(other: str) -> tuple[object, ...]:
        effect = KINDS[other]
        return effect.apply, effect.tell, effect.afterwards, effect.status // 100

    return kind == next(other for other in KINDS if like(other) == like(kind))


async def resumed_when_paused(case: Case, scope: str) -> None:
    """Somebody sees the pause, mends what it says, and resumes; until then nothing is sent and nothing burned."""

    async def is_paused() -> bool:
        return bool(await case.desk.pauses())

    await case.until(is_paused, "nothing was paused")
    evidence = await case.evidence(case.tenants[0])
    paused = evidence.shown.api["paused"]
    assert {one.partition(" ")[0] for one in paused} == {scope}
    assert paused == evidence.questions["paused"]
    assert evidence.shown.metric["paused"] >= len(paused)
    assert not (await case.states())["rejected"]
    await case.site.key(private="private", role="sync", revoked=False)
    await case.desk.resumed()
    case.calm_from_now()


async def a_wrong_id(case: Case) -> None:
    """A 201 with our marker and another record's id: nothing is billed twice, and reading back says what is wrong."""
    await case.approved(LINES)
    await case.site.fault("wrong_id", **POST, nth=case.dice.randint(1, LINES))
    async with case.sending():
        await case.settles()
    found = await case.violations()
    assert {one.invariant for one in found} == {Invariant.BIJECTION}
    [difference] = await case.reconciled()
    lied = next(one for one in case.site.effects() if one.record_id == difference["remote_id"])
    assert (difference["kind"], {one.line for one in found}) == ("drifted", {line_of(lied.after)}), (difference, found)
    assert "was written as" in difference["detail"]


async def bursts_of_429(case: Case) -> None:
    await case.approved(LINES)
    await case.site.fault("refuse_429", probability=0.3, burst=3, times=6, retry_after=0, seed=case.seed)
    async with case.sending():
        await case.happens(lambda: case.site.struck() >= 3, "nothing was refused")
        await case.calm()
        await case.settles()
    await case.judged()


def a_right_is_lost(takes: Callable[[Case], Awaitable[None]], scope: str) -> Callable[[Case], Awaitable[None]]:
    """Our key loses a right in the middle of a run, and gets it back."""

    async def play(case: Case) -> None:
        await case.approved(LINES)
        await case.site.fault("slow_answer", **POST, delay=0.02)
        async with case.sending():
            await case.happens(lambda: len(case.site.written()) >= case.dice.randint(1, 4), "nothing was written")
            await takes(case)
            await resumed_when_paused(case, scope)
            await case.settles()
        await case.judged()

    return play


async def key_is_revoked(case: Case) -> None:
    await case.site.key(revoked=True)


async def role_is_cut(case: Case) -> None:
    await case.site.key(role="reader")


async def one_line_is_poison(case: Case) -> None:
    """ConnectWise refuses one line for what it says: that one fails with its reason, the others go on."""
    await case.approved(LINES)
    await case.site.edit("catalog", MAILBOX, inactiveFlag=True)
    async with case.sending():
        await case.settles()
    await case.judged()
    failed = [line for line in await case.desk.lines() if line.state == "failed"]
    assert [line.product_name for line in failed] == [f"Line {OTHER_EVERY}"]
    assert "inactive" in failed[0].detail


def lost_and_then(
    office: Callable[..., Awaitable[None]], conflicts: int, read_back: str = "", kind: str = "reset_after"
) -> Callable[[Case], Awaitable[None]]:
    """An answer is lost, and before we look again somebody in the office has done something to what is there.

    `read_back`: what reading back calls all that he did, nothing where it is a question already.
    """

    async def play(case: Case) -> None:
        await case.approved(LINES)
        await case.site.fault(kind, **POST, nth=case.dice.randint(2, LINES))
        async with case.sending():
            await case.happens(lambda: case.site.struck() == 1, "nothing was struck")
            if KINDS[kind].apply is Apply.NOW:
                await case.happens(lambda: bool(lost(case)), "nothing was written")
            await office(case, *lost(case))
            case.calm_from_now()
            await case.settles()
        await case.judged()
        assert (await case.states())["conflict"] == conflicts
        by_hand = [one for one in case.site.effects() if one.before is None and is_the_offices(one)]
        assert bool(by_hand) == bool(read_back)
        assert [one["kind"] for one in await case.reconciled()] == [read_back] * len(by_hand)

    return play


def lost(case: Case) -> list[int]:
    """The addition whose answer did not arrive; told a moment after the strike is counted."""
    return [effect.record_id for effect in case.site.effects() if effect.told == "reset"]


def is_the_offices(effect: Effect) -> bool:
    return effect.member != US or effect.told == "office"


async def duplicates_it(case: Case, addition_id: int) -> None:
    await case.site.duplicate(addition_id)


async def copies_the_agreements(case: Case, *_: int) -> None:
    """As customer_import tells it."""
    for agreement_id in (1, 2):
        await case.desk.agreement(await case.site.copy_agreement(agreement_id))


async def changes_its_price(case: Case, addition_id: int) -> None:
    await case.site.edit("additions", addition_id, unitPrice=1)


def badly_connected(address: Callable[[Case], Awaitable[str]]) -> Callable[[Case], Awaitable[None]]:
    """Nothing leaves while the site's address leads nowhere, and all of it when somebody has put that right."""

    async def play(case: Case) -> None:
        await case.approved(LINES)
        fact = facts.connection(case.desk.tenant, case.site.site_id, await address(case), case.site.company)
        await case.desk.tell(topics.CONNECTIONS, (fact.connection_id, fact))
        async with case.sending() as here:
            await case.happens(lambda: here.clients.opened >= 3, "nothing was tried")
            assert case.site.written() == []
            await case.desk.connected()
            case.calm_from_now()
            await case.settles()
        await case.judged()

    return play


async def no_such_host(_: Case) -> str:
    return "https://nowhere.invalid"


def port_is_shut(mode: str) -> Callable[[Case], Awaitable[None]]:
    """For a while nobody gets through, beginning in the middle of a run."""

    async def play(case: Case) -> None:
        await case.approved(LINES)
        await case.site.fault("slow_answer", **POST, delay=0.02)
        async with case.sending():
            await case.happens(lambda: len(case.site.written()) >= case.dice.randint(1, 4), "nothing was written")
            await case.site.control("POST", "/door", {"mode": mode, "seconds": 2 * PACE.deadline})
            case.calm_from_now()
            await case.settles()
        await case.judged()

    return play


async def a_foreign_certificate(case: Case) -> None:
    """Nobody trusts who signed it: nothing is said to it, not even a request."""
    imposter = World()
    async with serving(imposter, "localhost", tls=tls_of(*certificate(case.folder))) as url:

        async def its_address(_: Case) -> str:
            return url.replace("127.0.0.1", "localhost")

        await badly_connected(its_address)(case)
    assert not imposter.calls


SCENES = [
    *(strikes(kind, POST, short=is_first_of_its_like(kind)) for kind in KINDS if kind not in LIES),
    *(
        strikes(kind, POST, short=False, tell=tell)
        for kind in KINDS
        if KINDS[kind].apply is Apply.LATER
        for tell in ("reset", "silence")
    ),
    *(
        strikes(kind, POST, short=True, delay=PACE.deadline + 0.5 * PACE.late_apply)
        for kind in KINDS
        if KINDS[kind].apply is Apply.AFTER_DELAY or KINDS[kind].tell is Tell.TRUTH_LATE
    ),
    *(strikes(kind, READ, short=kind in SHORT_READS) for kind in KINDS),
    *(Scene(f"shut: {mode}", port_is_shut(mode), own_peer=True) for mode in ("refuse", "reset", "silent")),
    Scene("a wrong id", a_wrong_id),
    Scene("bursts of 429", bursts_of_429),
    Scene("401 from now on", a_right_is_lost(key_is_revoked, "tenant")),
    Scene("403 from now on", a_right_is_lost(role_is_cut, "lane")),
    Scene("one poisonous line", one_line_is_poison),
    Scene("there twice", lost_and_then(duplicates_it, 1, "duplicate")),
    Scene("there on a copied agreement", lost_and_then(copies_the_agreements, 0, "copied")),
    Scene("not there, but on a copied agreement", lost_and_then(copies_the_agreements, 0, "copied", "reset_before")),
    Scene("there but edited", lost_and_then(changes_its_price, 1)),
    Scene("no such host", badly_connected(no_such_host)),
    Scene("a foreign certificate", a_foreign_certificate),
]


@pytest.mark.parametrize("judgement", SCENES, ids=str, indirect=True)
async def test_whatever_the_peer_does_every_line_ends_in_one_effect_or_in_a_question(
    judgement: Awaitable[None],
) -> None:
    await judgement
