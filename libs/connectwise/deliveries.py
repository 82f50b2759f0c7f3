"""What the site posts to a callback's address: whether it is the site's, and what it says (contract 2.9).

Nothing in a delivery is believed before its signature is: not even the address of the signing key, which is used only
if it lies on the site's own hosts. A delivery is a hint that a record has changed; read the record for its truth.
"""

import hashlib
import hmac
from base64 import b64encode
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import parse_qsl, urlsplit

from connectwise.regions import Site
from httpkit import AddressPolicy, Clock, HttpClient, Limiter, LoopClock, exact_json

_KEYS_KEPT = 16
_KEY_SECONDS = 3600.0
_KEY_SECONDS_AT_LEAST = 60.0  # a wrong signature asks for the key anew, but not more often than this
_LOOK_UPS_PER_MINUTE = 60  # apart from the site's call budget, which strangers must not be able to use up
_REMEMBERED = 10_000
_LARGEST_BODY = 1024 * 1024


class DeliveryRefused(Exception):  # noqa: N818 - named by the fact
    """A delivery that is not for us; `code` says why.

    `unreadable`, `foreign_company`, `foreign_key_address`, `no_key` or `bad_signature`.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Delivery:
    """A verified delivery: the kind of record, its id, and `added`, `updated` or `deleted`.

    `entity` is the record as it was then, where the site sends it. `is_repeat`: the same bytes were accepted before.
    """

    type: str
    record_id: int | None
    action: str
    company_id: str
    member_id: str
    entity: Any
    is_repeat: bool


def signature_of(raw_body: bytes, signing_key: str) -> str:
    """The signature that the site puts into `x-content-signature`: over the bytes as they came, not as re-written."""
    key = hashlib.sha256(signing_key.encode()).digest()
    return b64encode(hmac.new(key, raw_body, hashlib.sha256).digest()).decode()


def verify(raw_body: bytes, signature: str, signing_key: str) -> bool:
    """Whether a signature was made with this key over this body; takes the same time wherever they differ."""
    # Servers hand over bytes of a header that are no UTF-8 as surrogates.
    given = signature.strip().encode(errors="surrogatepass")
    return hmac.compare_digest(given, signature_of(raw_body, signing_key).encode())


class Deliveries:
    """Verifies what arrives for one company of a site; keep one for as long as callbacks may arrive.

    The cloud's hosts serve many companies, so a delivery of another one is signed as well as ours; it is refused by
    the company id in it. Only that company's own word says so: a delivery stays a hint to read the record.

    Signing keys are fetched without credentials from the site's own hosts and kept for an hour, 16 at most; a
    signature that does not fit has the key fetched anew, in case it was changed, at most once a minute.

    A signature covers the body alone, without a time or a number, so the only sign of a replay is the body itself: the
    last 10,000 accepted ones are remembered by their hash. They hold the record with the time of its last change, so
    two real events do not look alike. A repeat is said, not refused: the site itself repeats what was not answered.
    The memory is this object's: another process, or the same one started again, does not know what was accepted.
    """

    def __init__(
        self,
        site: Site,
        company_id: str,
        *,
        addresses: AddressPolicy | None = None,
        deadline: float = 5.0,
        clock: Clock | None = None,
    ) -> None:
        if not company_id.strip():
            raise ValueError("deliveries are those of one company")
        self._company_id = company_id.strip().casefold()
        self._clock = clock or LoopClock()
        limiter = Limiter(_LOOK_UPS_PER_MINUTE, api="connectwise-keys", clock=self._clock)
        self._hosts = {
            _origin(url): HttpClient(
                url, limiter=limiter, api="connectwise-keys", deadline=deadline, addresses=addresses, clock=self._clock
            )
            for url in {site.api_url, site.login_url}
        }
        self._keys: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self._seen: OrderedDict[bytes, None] = OrderedDict()

    async def accept(self, raw_body: bytes, signature: str) -> Delivery:
        """The delivery in a body as it came over the wire, with the header `x-content-signature`.

        Raises:
            DeliveryRefused: it is not the site's, or not this company's; answer 401 or 400.
            ApiError: the key could not be fetched; answer 429, then the site delivers again.
        """
        body = _object(raw_body)
        if str(body.get("CompanyId") or "").strip().casefold() != self._company_id:
            raise DeliveryRefused("foreign_company", "The delivery is of another company, or of none.")
        address = _key_address(body)
        if not verify(raw_body, signature, await self._key(address)) and (
            self._age(address) < _KEY_SECONDS_AT_LEAST
            or not verify(raw_body, signature, await self._key(address, anew=True))
        ):
            raise DeliveryRefused("bad_signature", "The delivery is not signed by the site.")
        return _delivery(body, is_repeat=self._is_repeat(raw_body))

    async def aclose(self) -> None:
        """Close all connections."""
        for client in self._hosts.values():
            await client.aclose()

    async def _key(self, address: str, *, anew: bool = False) -> str:
        kept = self._keys.get(address)
        if kept is not None and not anew and self._age(address) < _KEY_SECONDS:
            self._keys.move_to_end(address)
            return kept[0]
        key = await self._fetched(address)
        self._keys[address] = key, self._clock.now()
        self._keys.move_to_end(address)
        while len(self._keys) > _KEYS_KEPT:
            self._keys.popitem(last=False)
        return key

    async def _fetched(self, address: str) -> str:
        client = self._hosts.get(_origin(address))
        if client is None:
            raise DeliveryRefused("foreign_key_address", "The delivery names a signing key that is not the site's own.")
        parts = urlsplit(address)
        try:
            answer = await client.request(
                "GET", parts.path, params=dict(parse_qsl(parts.query)), attempts=1, endpoint="signing key"
            )
        except ValueError:
            raise DeliveryRefused("foreign_key_address", "The address of the signing key is not readable.") from None
        found = answer.json
        if isinstance(found, str):  # some versions wrap the object into a JSON string
            found = _loads(found)
        key = found.get("signing_key") if isinstance(found, dict) else None
        if not isinstance(key, str) or not key:
            raise DeliveryRefused("no_key", "The site's answer holds no signing key.")
        return key

    def _age(self, address: str) -> float:
        return self._clock.now() - self._keys[address][1]

    def _is_repeat(self, raw_body: bytes) -> bool:
        digest = hashlib.sha256(raw_body).digest()
        if digest in self._seen:
            return True
        self._seen[digest] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return False


def _object(raw_body: bytes) -> dict[str, Any]:
    body = _loads(raw_body) if len(raw_body) <= _LARGEST_BODY else None
    if not isinstance(body, dict):
        _unreadable()
    return body


def _key_address(body: dict[str, Any]) -> str:
    metadata = body.get("Metadata")
    address = metadata.get("key_url") if isinstance(metadata, dict) else None
    if not isinstance(address, str):
        _unreadable()
    return address


def _delivery(body: dict[str, Any], *, is_repeat: bool) -> Delivery:
    record_id, entity = body.get("ID"), body.get("Entity")
    return Delivery(
        type=str(body.get("Type") or ""),
        record_id=record_id if type(record_id) is int else None,
        action=str(body.get("Action") or "").lower(),
        company_id=str(body.get("CompanyId") or ""),
        member_id=str(body.get("MemberId") or ""),
        entity=_loads(entity) if isinstance(entity, str) and entity else entity,
        is_repeat=is_repeat,
    )


def _loads(text: bytes | str) -> Any:
    try:
        return exact_json.loads(text)
    except exact_json.UnreadableJson:
        _unreadable()


def _unreadable() -> NoReturn:
    raise DeliveryRefused("unreadable", "The delivery is not readable.") from None


def _origin(address: str) -> str:
    """Scheme, host and port in one form; '' for what is no address, or hides another host behind an @."""
    try:
        parts = urlsplit(address)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.hostname}:{port}" if parts.hostname and "@" not in parts.netloc else ""
