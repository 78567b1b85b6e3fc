"""Other systems that keep customers too: implementations of `Crm`. No network code."""
