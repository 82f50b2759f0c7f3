"""Source products become ConnectWise catalog items, each once."""
