"""A world out of its state file, and the shortest file that gives the same world."""

import gc
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

from connectwise_simulator.schema import Record
from connectwise_simulator.site import Key, Site
from connectwise_simulator.state import journal
from connectwise_simulator.state.history import Effect
from connectwise_simulator.state.image import image, knobs_of, moment, site_of
from connectwise_simulator.state.journal import Change, StateError
from connectwise_simulator.world import World

LARGE = 64_000_000  # bytes, about 75,000 effects, read in 2 s
LEAST_GROWTH = 2  # times its size when it was last written whole; a history only grows, so a limit alone is not enough


_FACTS = ("time", "site", "member", "method", "path", "table", "record_id", "after", "told")


def restore(
    world: World, path: Path, begin: Callable[[], object], say: Callable[[str], None], *, large: int = LARGE
) -> None:
    """Fill the world from its state file, or, without one, by `begin`; from then on every change is kept there.

    Raises StateError for a file that cannot be used, and what `begin` raises.
    """
    journal.lock(path)
    if path.exists() and path.stat().st_size:
        size, whole = _replayed(world, path, say)
        compact = size > max(large, LEAST_GROWTH * whole)
    else:
        begin()
        compact = True
    if compact:
        journal.write_whole(path, _content(world))
    world.journal.open(path)


def _content(world: World) -> Iterator[list[Change]]:
    """The sites as they are, then everything that ever happened."""
    for site in world.sites.values():
        yield [["site", image(site)]]
    last: dict[tuple[str, str, int], Record | None] = {}
    for effect in world.history:
        facts = {name: getattr(effect, name) for name in _FACTS}
        if effect.before is not last.get(_record(effect)):
            facts["before"] = effect.before
        last[_record(effect)] = effect.after
        yield [["past", facts]]
    yield [["whole"]]


def _replayed(world: World, path: Path, say: Callable[[str], None]) -> tuple[int, int]:
    """The file's size, and what it was when it was last written whole."""
    replay = _Replay(world)
    size = whole = 0
    collecting = gc.isenabled()
    gc.disable()  # nothing of what is read is garbage, and looking for some doubles the time
    try:
        for end, changes in journal.lines(path, say):
            for change in changes:
                replay.apply(change)
                if change[0] == "whole":
                    whole = end
            size = end
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise StateError(f"{path}: a change cannot be made again ({error!r}); delete the file to begin again") from None
    finally:
        if collecting:
            gc.enable()
    return size, whole


class _Replay:
    """Changes made again, each onto the state that the one before it left."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._last: dict[tuple[str, str, int], Record | None] = {}
        self._makers: dict[str, Callable[..., None]] = {
            "site": self._site,
            "dropped": self._dropped,
            "past": self._past,
            "effect": self._effect,
            "put": self._put,
            "told": self._told,
            "clock": self._clock,
            "day": self._day,
            "key": self._key,
            "settings": self._settings,
            "whole": self._whole,
        }

    def apply(self, change: Change) -> None:
        self._makers[change[0]](*change[1:])

    def _site(self, values: Record) -> None:
        site = site_of(values, self._world.history, self._world.journal)
        self._world.sites[site.company_id.lower()] = site

    def _dropped(self, company: str) -> None:
        del self._world.sites[company.lower()]

    def _past(self, facts: Record) -> None:
        """An effect that the sites show already."""
        key = (facts["site"], facts["table"], facts["record_id"])
        effect = self._world.history.append(**{"before": self._last.get(key), **facts})
        self._last[key] = effect.after

    def _effect(self, facts: Record) -> None:
        table = self._named(facts["site"]).tables[facts["table"]]
        before = table.get(facts["record_id"])
        effect = self._world.history.append(before=before, **facts)
        if effect.after is None:
            table.delete(effect.record_id)
        else:
            table.put(effect.after)

    def _put(self, company: str, table: str, record: Record) -> None:
        self._named(company).tables[table].put(record)

    def _told(self, numbers: list[int], answer: int | str) -> None:
        self._world.history.told([self._world.history.effect(number) for number in numbers], answer)

    def _clock(self, company: str, ahead: int) -> None:
        self._named(company).clock.set(moment(ahead))

    def _day(self, company: str, day: str) -> None:
        self._named(company).day = date.fromisoformat(day)

    def _key(self, company: str, values: dict[str, Any]) -> None:
        self._named(company).keys[values["public"]] = Key(**values)

    def _settings(self, company: str, codebase: str, knobs: Record) -> None:
        site = self._named(company)
        site.codebase, site.knobs = codebase, knobs_of(knobs)

    def _whole(self) -> None:
        """Nothing: it marks where a file that was written whole ends."""

    def _named(self, company: str) -> Site:
        return self._world.sites[company.lower()]


def _record(effect: Effect) -> tuple[str, str, int]:
    return effect.site, effect.table, effect.record_id
