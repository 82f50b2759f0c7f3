"""How long delivery trusts and waits; each figure with what it must cover."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds, and how much at once.

    `validity`: a send must start this soon after its claim was committed.
    `deadline`: the longest a request may take. `late_apply`: how much later the peer may still apply it.
    `list_lag`: how much later its lists may still lack it. `tick`: how soon work that other processes queued is seen.
    `gate_wait`, `void_wait`, `defect_wait`: how long a tenant rests after a closed gate, a lane after a read that did
    not end, and after an error of our own. `rebalance`: how long a replica has had too many sites before it gives some
    back.
    """

    validity: float = 15.0
    deadline: float = 30.0
    late_apply: float = 240.0
    list_lag: float = 15.0
    lanes: int = 20
    turn: int = 100
    tick: float = 0.5
    gate_wait: float = 2.0
    void_wait: float = 2.0
    defect_wait: float = 10.0
    rebalance: float = 5.0

    @property
    def quarantine(self) -> float:
        """How long nothing is decided about an operation that may have had its effect."""
        return self.validity + self.deadline + self.late_apply + self.list_lag
