"""What happened, and the file that keeps it."""
