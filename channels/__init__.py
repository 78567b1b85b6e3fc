"""One folder a channel: `__init__.py` with `Settings` and `Adapter`, and `samples.toml`."""
