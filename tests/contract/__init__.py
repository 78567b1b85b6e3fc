"""One suite a port; every implementation passes the same one."""
