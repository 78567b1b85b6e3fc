"""What an operator may set: the schema, the defaults, and the starting content."""
