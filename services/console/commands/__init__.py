"""`psabridge`, the operators' command line: an HTTP client of the console, nothing of its server."""

from console.commands.app import main

__all__ = ["main"]
