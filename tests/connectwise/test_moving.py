"""A site whose API moves while it is used, and what must not be taken for that."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any, Literal

import pytest

from connectwise import AgreementChange, ConnectWise, NewAddition, Ref
from httpkit import ApiError, Outcome
from tests.connectwise.rehearsal import MONTHLY, SEAT, Rehearsal
from tests.connectwise.site import BASE, INFO, calls, client, connected, site
from tests.httpkit.peer import Asked, Behaviour, Peer, in_turn, peer, reply, reset
from tests.httpkit.turned_clock import TurnedClock

NEW_BASE = "/v2025_2/apis/3.0"


def release(rehearsal: Rehearsal, codebase: str, old: Literal["not_found", "redirect"] = "not_found") -> None:
    """The vendor upgrades the site, which answers calls to the old codebase as it likes."""
    site = rehearsal.world.sites[rehearsal.company]
    site.codebase, site.knobs = codebase, replace(site.knobs, old_codebase=old)


def looked_up(there: Peer) -> int:
    return len(there.asked) - len(calls(there))


def missing(psa: ConnectWise) -> Any:
    return psa.companies.get(5)


@pytest.mark.parametrize("old", ["not_found", "redirect"])
async def test_scan_goes_on_where_the_api_moves_a_moment_after_it_was_found(
    rehearsal: Rehearsal, old: Literal["not_found", "redirect"]
) -> None:
    psa = rehearsal.psa
    agreements = psa.agreements.iterate()
    assert (await anext(agreements)).id == MONTHLY
    for number in (2, 3):  # and moves again
        release(rehearsal, f"v2099_{number}/", old)
        assert [one.id for one in await psa.companies.list()] == [10, 11, 12]
        assert (await psa.agreements.get(MONTHLY)).id == MONTHLY


async def test_records_that_are_gone_do_not_hide_a_move(rehearsal: Rehearsal) -> None:
    psa = rehearsal.psa
    with pytest.raises(ApiError):
        await psa.companies.get(999)
    release(rehearsal, "v2099_2/")
    assert [one.id for one in await psa.companies.list()] == [10, 11, 12]


@pytest.mark.parametrize("old", ["not_found", "redirect"])
async def test_writes_to_an_api_that_moved_find_it_the_next_time(
    rehearsal: Rehearsal, old: Literal["not_found", "redirect"]
) -> None:
    additions = rehearsal.psa.additions(MONTHLY)
    await additions.list()
    release(rehearsal, "v2099_2/", old)
    new = NewAddition(product=Ref(id=SEAT), quantity=1, effective_date=date(2026, 4, 1))
    with pytest.raises(ApiError) as caught:
        await additions.create(new)
    # A redirect stays in doubt: what it was sent to may have taken it, before or behind the one that redirects.
    assert caught.value.outcome is (Outcome.NOT_FOUND if old == "not_found" else Outcome.AMBIGUOUS)
    assert caught.value.code == "api_moved"
    assert rehearsal.created() == []
    assert (await additions.create(new)).id
    await rehearsal.psa.agreements.patch(MONTHLY, AgreementChange(name="Renamed"))
    assert len(rehearsal.created()) == 1


@pytest.mark.parametrize("answer", [reply(302, raw=b""), reply(404, {})])
@pytest.mark.parametrize("call", [missing, lambda psa: psa.companies.list()])
async def test_callers_that_meet_a_move_together_look_once(
    answer: Behaviour, call: Callable[[ConnectWise], Any]
) -> None:
    async def api(asked: Asked, writer: asyncio.StreamWriter) -> None:
        good = reply(200, {"id": 5} if asked.path.endswith("/5") else [], headers={"link": ""})
        await (good if asked.path.startswith(NEW_BASE) else answer)(asked, writer)

    told = in_turn(reply(200, INFO), reply(200, {"Codebase": "v2025_2/"}))
    async with connected(api, told) as (psa, there):
        await psa.company_info()
        await asyncio.gather(*(call(psa) for _ in range(8)))
    assert looked_up(there) == 2


@pytest.mark.parametrize(
    ("call", "seconds"),
    [
        (missing, 60),
        (lambda psa: psa.additions(3).list(), 60),  # the agreement may be missing there
        (lambda psa: psa.companies.list(), 5),
        (lambda psa: psa.companies.count(), 5),
    ],
)
async def test_looking_in_vain_is_not_repeated_at_once(call: Callable[[ConnectWise], Any], seconds: float) -> None:
    """A key that the cloud refuses makes every call a 404: company info is not asked each time."""
    clock = TurnedClock()
    async with peer(site(reply(404, {}))) as there, client(there.url, clock=clock) as psa:

        async def fail(times: int) -> int:
            for _ in range(times):
                with pytest.raises(ApiError):
                    await call(psa)
            return looked_up(there)

        assert await fail(4) == 2
        await clock.turn(seconds - 0.1)
        assert await fail(4) == 2
        await clock.turn(0.2)
        assert await fail(4) == 3


async def test_redirect_is_a_sign_on_a_record_too() -> None:
    async with connected(in_turn(reply(404, {}), reply(302, raw=b"")), reply(200, INFO)) as (psa, there):
        for expected in (2, 3):  # the first one is a missing record, after which records are not looked into
            with pytest.raises(ApiError):
                await missing(psa)
            assert looked_up(there) == expected


async def test_company_info_that_fails_is_not_asked_by_every_call() -> None:
    async with connected(reply(404, {}), in_turn(reply(200, INFO), reply(400, {}))) as (psa, there):
        for _ in range(4):
            with pytest.raises(ApiError) as caught:
                await psa.companies.list()
            assert caught.value.outcome is Outcome.NOT_FOUND
    assert looked_up(there) == 2


async def test_lost_deletion_that_meets_a_moved_api_is_not_taken_for_done() -> None:
    """The 404 of the old address says nothing about the record."""
    deletions = in_turn(reset, reply(404, {}))

    async def api(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await (deletions if asked.method == "DELETE" else reply(200, [], headers={"link": ""}))(asked, writer)

    told = in_turn(reply(200, INFO), reply(200, {"Codebase": "v2025_2/"}))
    async with connected(api, told) as (psa, there):
        with pytest.raises(ApiError) as caught:
            await psa.additions(3).delete(77)
    assert caught.value.outcome is Outcome.AMBIGUOUS
    assert [asked.path for asked in calls(there)] == [f"{BASE}/finance/agreements/3/additions/77"] * 2


async def test_move_that_only_the_list_of_the_record_shows_is_no_proof_of_a_deletion_either() -> None:
    deletions = in_turn(reset, reply(404, {}))

    async def api(asked: Asked, writer: asyncio.StreamWriter) -> None:
        there = reply(200, [], headers={"link": ""}) if asked.path.startswith(NEW_BASE) else reply(404, {})
        await (deletions if asked.method == "DELETE" else there)(asked, writer)

    told = in_turn(reply(200, INFO), reply(200, INFO), reply(200, {"Codebase": "v2025_2/"}))
    async with connected(api, told) as (psa, _):
        with pytest.raises(ApiError):
            await psa.companies.get(999)  # looked in vain: records are not looked into for a minute
        with pytest.raises(ApiError) as caught:
            await psa.companies.delete(5)
    assert caught.value.outcome is Outcome.AMBIGUOUS
