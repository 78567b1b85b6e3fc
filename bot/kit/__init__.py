"""What several channels need; pure, and free of the hub."""
