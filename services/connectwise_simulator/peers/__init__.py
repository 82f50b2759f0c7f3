"""What callers and called meet: the socket and its faults, the rate, callbacks."""
