"""Lines to additions: where, for how much, when, or why not; written exactly once, proven in money."""
