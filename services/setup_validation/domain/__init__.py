"""What must be true of a ConnectWise site before anything is written to it. Pure."""
