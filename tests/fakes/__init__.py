"""The ports, whole, in memory: for tests that want the real behaviour without files or network."""
