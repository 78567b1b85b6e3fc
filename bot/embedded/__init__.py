"""The embedded engine: one SQLite file that holds the record and the queue."""
