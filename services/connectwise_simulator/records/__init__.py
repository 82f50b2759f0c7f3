"""What a write does: values read, rules asked, what follows from it."""
