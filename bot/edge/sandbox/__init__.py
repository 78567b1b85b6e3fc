"""The sandbox: providers played on the loopback, with phones to write on. Never in production.

* `ANY /sandbox/{channel}/{account}/{tail}`: the provider's API, for the channel's `api_base`.
* `GET /sandbox-api/phones`: which accounts are played, what they carry, and who has been seen on
  them.
* `GET /sandbox-api/phones/{channel}/{account}/{user}?after=n`: what a phone shows.
* `POST /sandbox-api/phones/{channel}/{account}/{user}/write` with `{text?, payload?, ref?, name?}`:
  the customer writes; the signed webhook goes to the hub over HTTP.
* `GET /sandbox-api/wire?after=n`: the last exchanges between the hub and the providers.

All numbers grow, over restarts too.
"""

from bot.edge.sandbox.routes import Sandbox

__all__ = ["Sandbox"]
