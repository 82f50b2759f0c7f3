"""What can be watched from outside; each help text says what to do."""

from prometheus_client import Counter, Gauge, Histogram

SETTLED = Counter(
    "delivery_operations_total",
    "Operations that changed state. rejected and conflict wait for a person: see the operations of the service's API. "
    "ambiguous settles after its quarantine; many of them mean that the peer or the way to it loses answers.",
    ["effect", "state"],
)
OPERATIONS = Gauge(
    "delivery_unsettled_operations",
    "Operations of the whole database by state, as each replica counts them. pending that grows: compare it with "
    "delivery_lanes_running and the peer's call budget. conflict waits for a person: a line's for "
    "`psabridge lines decide`, a catalog item's is tried again when it is mended there and the setup is checked anew. "
    "rejected is all that was ever refused: where it grows, the API has ConnectWise's words.",
    ["state"],
)
OLDEST_AMBIGUOUS = Gauge(
    "delivery_ambiguous_oldest_seconds",
    "How long nobody has known the fate of the oldest ambiguous operation. Over twice the quarantine: no owner reads "
    "its lane; see delivery_pauses, delivery_sites_held and whether a replica runs.",
)
PAUSES = Gauge(
    "delivery_pauses",
    "Tenants, lanes and runs that wait for a person. Mend what the pause says, then `psabridge runs resume`.",
    ["scope"],
)
SITES = Gauge(
    "delivery_sites_owned", "Sites this replica owns. 0 on every replica while operations are pending: see the log."
)
HELD = Gauge(
    "delivery_sites_held",
    "Sites on which nothing is written: the database was restored and they are being read back, which ends by itself, "
    "or it belongs to another installation: then run `psabridge adopt`, or end this copy.",
)
REPLICAS = Gauge("delivery_replicas", "Replicas that live, as this one sees it. Fewer than deployed: see their logs.")
LANES = Gauge(
    "delivery_lanes",
    "Lanes with work that this replica knows. Many, and few of them running: paused, held, or more lanes are needed.",
)
RUNNING = Gauge("delivery_lanes_running", "Lanes with a turn under way.")
QUARANTINED = Gauge(
    "delivery_quarantined", "Operations of this replica that wait to be looked for at the peer. Falls to 0 by itself."
)
VOID = Counter(
    "delivery_turns_void_total",
    "Turns without effect: their read did not end (outcome), or an error of ours (defect: see the log).",
    ["effect", "why"],
)
COMMIT_SECONDS = Histogram(
    "delivery_commit_seconds",
    "One commit of claims and results. Over 0.05 s it slows every lane: see the database's disk and locks.",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0),
)
COMMIT_ENTRIES = Histogram(
    "delivery_commit_entries",
    "Claims and results in one commit. Near 200 all the time: the database is the limit, not the peer.",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200),
)
APART = Counter(
    "delivery_commits_apart_total",
    "Commits that failed as a whole and were stored entry by entry. Growing: a defect of an effect; see the log.",
)
