"""What wakes workers: one module for each engine."""
