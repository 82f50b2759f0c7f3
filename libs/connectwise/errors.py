"""What this API adds to the exceptions of `httpkit`."""

from collections.abc import Mapping, Sequence
from typing import Any

from httpkit import ApiError, Outcome


class NotApplied(ApiError):  # noqa: N818 - named by the fact
    """The site said 200 to a patch, and its record does not show the change (contract 2.6: false 200).

    `fields` names what differs. Ambiguous: another part of the patch may have been applied.
    """

    def __init__(self, fields: Sequence[str], *, status: int, request_id: str | None, call: str) -> None:
        names = ", ".join(fields)
        super().__init__(
            Outcome.AMBIGUOUS,
            "not_applied",
            f"The site reports success but its record does not show the change of {names}.",
            status=status,
            request_id=request_id,
            call=call,
        )
        self.fields = tuple(fields)


class ScanBroken(ApiError):  # noqa: N818 - named by the fact
    """A scan did not reach its end: what was read so far must not be taken for everything."""

    def __init__(self, reason: str, *, request_id: str | None, call: str) -> None:
        super().__init__(
            Outcome.AMBIGUOUS,
            "scan_broken",
            f"The list could not be read to its end: {reason}.",
            request_id=request_id,
            call=call,
        )


class Drifted(ApiError):  # noqa: N818 - named by the fact
    """A record is no longer as the caller expected it; nothing was written.

    `fields` names what differs, `expected` and `found` hold the values by those names, as the site writes them.
    Rejected: the same change with the same expectation cannot succeed, somebody has to look at the record again.
    """

    def __init__(
        self,
        expected: Mapping[str, Any],
        found: Mapping[str, Any],
        *,
        request_id: str | None,
        call: str,
    ) -> None:
        names = ", ".join(expected)
        super().__init__(
            Outcome.REJECTED,
            "drifted",
            f"The record was changed meanwhile ({names}); nothing was written.",
            request_id=request_id,
            call=call,
        )
        self.fields = tuple(expected)
        self.expected = dict(expected)
        self.found = dict(found)


class UnknownTimeZone(LookupError):  # noqa: N818 - named by the fact
    """The site's time zone has a name that is neither an IANA name nor a known Windows name; `name` keeps it."""

    def __init__(self, name: str | None) -> None:
        super().__init__(f"the site's time zone {name!r} is not known here, so its date of today is not either")
        self.name = name
