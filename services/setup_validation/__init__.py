"""Is a tenant's ConnectWise site ready? Checks with their screens and fixes, and the gate that others read."""
