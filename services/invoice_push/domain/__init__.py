"""The rules of pushing: where a line goes, for what amount, when, or why not. Pure."""
