"""Which agreement may take which charges of which customer. Pure."""
