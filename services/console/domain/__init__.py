"""Who may what, and what a token is: rules without I/O."""
