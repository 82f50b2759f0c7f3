"""What a source's files say: pure."""
