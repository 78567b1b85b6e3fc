"""The pictures of the documentation, taken of the demo while a story is played on it."""
