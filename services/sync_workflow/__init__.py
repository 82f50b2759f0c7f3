"""How far each run is, and what it waits for."""
