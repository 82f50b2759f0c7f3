"""A ConnectWise PSA to rehearse on: one process, many sites, its own clock, faults on order."""
