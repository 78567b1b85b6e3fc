"""What the tests of a channel notice: small faults are put into it, one at a time."""
