"""Scenario files: read, checked, and made into sites."""
