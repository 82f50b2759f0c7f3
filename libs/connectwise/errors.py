"""What this API adds to the exceptions of `httpkit`."""

from collections.abc import Sequence

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
