class DevstackError(Exception):
    """Something a person must know or do; its text is one sentence that says which."""
