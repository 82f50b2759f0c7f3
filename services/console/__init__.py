"""People's door: the gateway with its API tokens, tenants, connections, programs, and the command line."""
