"""What operators rely on, with real servers: parts that go away, backups, lost streams."""
