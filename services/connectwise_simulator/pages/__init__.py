"""Pages for people: look at sites, their invoices and what happened to them; turn clocks and order faults."""
