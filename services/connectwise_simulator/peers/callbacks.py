"""Callbacks delivered: a signed POST for each change that somebody registered for, tried again by the contract's rules.

Waits are real seconds, times the pace; three days of failures are days of the site's clock. Nothing leaves this machine
unless its host was named at the start. What was not delivered yet does not survive the process.
"""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import itertools
import re
import ssl
from collections import deque
from collections.abc import Container
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any

import httpx

from connectwise_simulator.call import PLAIN_JSON, Answer
from connectwise_simulator.jsonwire import dumps
from connectwise_simulator.peers import callback_entries
from connectwise_simulator.schema import Record
from connectwise_simulator.site import Actor, Site
from connectwise_simulator.state.history import Effect, History
from connectwise_simulator.state.journal import Journal

TIMEOUT = 5.0  # seconds
WAITS = (2.0, 4.0)  # seconds before the second and the third attempt
AGAIN = (404, 409, 419, 429)
PATIENCE = timedelta(days=3)
KEPT = 10_000  # deliveries that can be looked at
AT_ONCE = 20
KEY_PATH = "/v4_6_release/services/callbacks/{}/signingkey"  # the real one is in no source [assumed]
_KEY = re.compile(KEY_PATH.format("([^/]+)"), re.IGNORECASE)


@dataclass(slots=True)
class Delivery:
    """One change told to one callback: `state` is waiting, delivered, failed or not allowed."""

    number: int
    site: str
    callback: int
    url: str
    action: str
    record_id: int
    body: bytes
    state: str = "waiting"
    attempts: list[int | str] = field(default_factory=list)  # statuses, or what went wrong instead

    def view(self) -> dict[str, Any]:
        """As `/_simulator/callbacks` answers it."""
        return {
            "number": self.number,
            "site": self.site,
            "callback": self.callback,
            "url": self.url,
            "action": self.action,
            "id": self.record_id,
            "state": self.state,
            "attempts": self.attempts,
        }


class Callbacks:
    """Who is told of what, and how it went."""

    def __init__(self, sites: dict[str, Site], history: History, journal: Journal) -> None:
        self.pace = 1.0  # of the waits and the timeout; tests do not wait for real seconds
        self.allowed: frozenset[str] = frozenset()  # hosts beside this machine's own
        self._sites = sites
        self._history = history
        self._journal = journal
        self._url = ""
        self._numbers = itertools.count(1)
        self._deliveries: deque[Delivery] = deque(maxlen=KEPT)
        self._under_way: set[asyncio.Task[None]] = set()
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._client: httpx.AsyncClient | None = None
        self._failing_since: dict[tuple[str, int], datetime] = {}

    def begin(self, url: str) -> None:
        """From now on changes are told; the simulator is at this address."""
        self._url = url
        self._history.heard = self._heard

    async def end(self) -> None:
        """Tell nothing more."""
        self._history.heard = None
        for task in list(self._under_way):
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def after(self, number: int, limit: int, site: str | None) -> list[Delivery]:
        """Up to `limit` deliveries with a greater number, of one site if given."""
        wanted = (d for d in self._deliveries if d.number > number and (site is None or d.site.lower() == site.lower()))
        return list(itertools.islice(wanted, limit))

    def _heard(self, effect: Effect) -> None:
        site = self._sites.get(effect.site.lower())
        if site is None or not len(site.tables["callbacks"]):
            return
        for entry in site.tables["callbacks"]:
            if callback_entries.is_about(site, entry, effect):
                self._tell(site, entry, effect)

    def _tell(self, site: Site, entry: Record, effect: Effect) -> None:
        action, record = callback_entries.subject(site, callback_entries.kind_of(entry), effect)
        url = _address(entry["url"], record["id"], action)
        body = _body(site, entry, record, action, effect.member, site.origin or self._url)
        number = next(self._numbers)
        delivery = Delivery(number, site.company_id, entry["id"], url, action, record["id"], body)
        self._deliveries.append(delivery)
        task = asyncio.get_running_loop().create_task(self._deliver(site, delivery))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _deliver(self, site: Site, delivery: Delivery) -> None:
        if not is_near(delivery.url, self.allowed):
            delivery.state = "not allowed"
            return
        headers = {"content-type": "application/json", "x-content-signature": signature(site, delivery.body)}
        for wait in (*WAITS, None):
            async with self._turns:
                told = await self._post(delivery, headers)
            delivery.attempts.append(told)
            if isinstance(told, int) and 200 <= told < 300:  # noqa: PLR2004 - any 2xx is fine
                delivery.state = "delivered"
                self._failing_since.pop((delivery.site, delivery.callback), None)
                return
            if wait is None or told not in AGAIN:
                break
            await asyncio.sleep(wait * self.pace)
        delivery.state = "failed"
        self._failed(site, delivery)

    async def _post(self, delivery: Delivery, headers: dict[str, str]) -> int | str:
        if self._client is None:
            self._client = httpx.AsyncClient(trust_env=False, verify=ssl.create_default_context())
        try:
            async with asyncio.timeout(TIMEOUT * self.pace):
                answer = await self._client.post(delivery.url, content=delivery.body, headers=headers, timeout=None)
        except TimeoutError:
            return "timeout"
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return type(error).__name__
        return answer.status_code

    def _failed(self, site: Site, delivery: Delivery) -> None:
        """Three days without a success end a callback; somebody has to switch it on again."""
        key, now = (delivery.site, delivery.callback), site.clock.now()
        if now - self._failing_since.setdefault(key, now) < PATIENCE:
            return
        del self._failing_since[key]
        entry = site.find("callbacks", delivery.callback)
        if entry is not None and not entry.get("inactiveFlag"):
            actor = Actor("callbacks", "CALLBACK", delivery.url)
            site.put(actor, "callbacks", entry, {**entry, "inactiveFlag": True})
            site.told(actor, "nobody")
            self._journal.keep()


def signing_key(sites: dict[str, Site], path: str) -> Answer | None:
    """What `Metadata.key_url` leads to, for anybody; None if the path is another."""
    match = _KEY.fullmatch(path)
    site = sites.get(match[1].lower()) if match else None
    if site is None:
        return None
    text = dumps({"signing_key": _key_of(site)})
    return Answer(200, dumps(text) if site.knobs.signing_key_as_text else text, content_type=PLAIN_JSON)


def signature(site: Site, body: bytes) -> str:
    """Base64 of the HMAC-SHA256 of the raw body, under the SHA-256 of the signing key."""
    key = hashlib.sha256(_key_of(site).encode()).digest()
    return base64.b64encode(hmac.digest(key, body, "sha256")).decode()


def _key_of(site: Site) -> str:
    """The same in every process, so that a client that keeps it need not learn it anew. It protects nothing here."""
    return hashlib.sha256(f"callbacks of {site.company_id}".encode()).hexdigest()


def _address(url: str, record_id: int, action: str) -> str:
    """The url with record and action; one that ends with `recordId=` gets the bare number, as the guide advises."""
    if url.endswith("="):
        return f"{url}{record_id}&action={action}"
    return f"{url}{'&' if '?' in url else '?'}recordId={record_id}&action={action}"


def _body(site: Site, entry: Record, record: Record, action: str, member: str, origin: str) -> bytes:
    return dumps(
        {
            "Action": action,
            "CompanyId": site.company_id,
            "Entity": dumps(record),
            "FromUrl": origin.partition("://")[2],
            "ID": record["id"],
            "MemberId": member,
            "Metadata": {"key_url": origin + KEY_PATH.format(site.company_id)},
            "Type": callback_entries.kind_of(entry),
        }
    ).encode()


def is_near(url: str, allowed: Container[str]) -> bool:
    """Whether the url leads to this machine, by address or as localhost, or to a host that was named."""
    host = ""
    with contextlib.suppress(httpx.InvalidURL):
        there = httpx.URL(url)
        host = there.host.lower() if there.scheme in ("http", "https") else ""
    try:
        return ip_address(host).is_loopback or host in allowed
    except ValueError:
        return host == "localhost" or host in allowed
