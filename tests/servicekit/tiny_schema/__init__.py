"""The tiny service's tables."""
