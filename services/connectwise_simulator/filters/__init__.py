"""What a list is asked for: conditions, order, pages, fields."""
