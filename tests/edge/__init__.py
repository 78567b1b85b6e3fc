"""The edge over real HTTP and real sockets on the loopback."""
