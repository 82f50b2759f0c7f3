"""The language services speak."""
