"""The hub: words, ports, the way of a message, edges."""
