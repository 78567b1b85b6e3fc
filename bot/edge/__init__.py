"""The network's side of the hub: webhooks, sockets, REST, pages, and the only way out."""
