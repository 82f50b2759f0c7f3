"""The metrics of outgoing calls. Each help text says how to act on it."""

from prometheus_client import Counter, Histogram

CALLS = Counter(
    "httpkit_calls_total",
    "Attempts of outgoing calls by API, endpoint template and outcome. "
    "'config' rising: check the site's keys and role. 'ambiguous' rising: the peer or the way to it is unwell, "
    "expect quarantined operations. 'throttled' rising: lower the site's calls_per_minute or ask who else calls it.",
    ["api", "method", "endpoint", "outcome"],
)
SECONDS = Histogram(
    "httpkit_call_seconds",
    "Duration of attempts, without waiting for the limiter. "
    "High for one endpoint: use smaller pages or fewer fields there. High for all: the peer is slow, wait.",
    ["api", "method", "endpoint"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30),
)
RETRIES = Counter(
    "httpkit_retries_total",
    "Safe calls that were repeated, by API and the outcome that made it necessary. "
    "Above a tenth of the calls: look at the outcome's own advice before it becomes an outage.",
    ["api", "outcome"],
)
LIMITER_WAIT = Histogram(
    "httpkit_limiter_wait_seconds",
    "Time calls wait for the site's budget. "
    "Steadily above a second: the site's share is too small for the work, raise it or spread the schedules.",
    ["api"],
    buckets=(0.001, 0.01, 0.1, 0.5, 1, 2.5, 5, 10, 30),
)
LIMITER_SHRUNK = Counter(
    "httpkit_limiter_shrunk_total",
    "Times a 429 halved a limiter's own rate. Repeatedly: another integration uses the same site; lower our share.",
    ["api"],
)
BREAKER_OPENED = Counter(
    "httpkit_breaker_opened_total",
    "Times a site was taken for down. Once: an outage at the peer, nothing to do. Often: check its address and keys.",
    ["api"],
)
