"""The fields of each record type, from the contract's tables."""
