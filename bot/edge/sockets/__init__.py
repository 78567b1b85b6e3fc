"""The Socket.IO namespaces: `/chat` for customers, `/desk` for agents.

# /chat

Connect with `auth: {token?, account?, last_seq?, language?}`. `token` is what an earlier `welcome`
gave; none makes a new visitor; a wrong one is refused (`connect_error`, its `data` a problem).
`account` names the web chat account where there are several. `last_seq` says from where to replay.

Server to client:
* `welcome {token, visitor, state, channels, site_name, text_limit, file_bytes, file_types,
  hours?}`: `state {owner, name?, queue?, place?, minutes?, language?}` with owner
  `bot | waiting | agent | nobody`; `place` is that in the queue (1 is next, 101 anywhere behind the
  first hundred), `minutes` about how long it takes from there, left out where nobody knows;
  `channels [{channel, account}]` to continue on; `file_types` are media types; `hours {open,
  opens_at?}` says whether people answer now, and is left out where no hours are configured.
* `message`: one message, in the shape that the web chat adapter emits, see `shapes.ChatMessage`.
  `status` is that of a message out: `failed` could not be delivered. Dropped ones never come.
  A message can come more than once (replay, tabs): `id` tells. None moves the client's `last_seq`:
  one may be lost between processes, and the next come through before anybody knows. `aside: true`
  marks one that was not emitted by the web chat adapter. `language` is that of a message out;
  `cards [{title, text, image?, buttons}]` with `buttons` as `choices`;
  `question {name, kind, label, pattern?, example?, max_length}` is what a form asks for with this
  message (`kind`: `text | long_text | number | order_number`); an answer is an ordinary `message`.
* `replayed {seq}`: everything up to `seq` has been sent; from here the next replay is asked for.
* `owner`: who answers now, as `state`; also when the place in the queue has changed.
* `typing {name}`: an agent types.

Client to server, each acknowledged with `{ok: true, ...}` or `{ok: false, problem}` once durable:
`message {id, text?, files?}`, `press {id, payload, title}`, `form {id, fields, text}`,
`read {entry}`, `started {id?, ref?}`, `ask_human {id?, text?}`, `leave_queue {}`, `end {id?}`,
`typing {}`, `continue {channel, account}` -> `{code, deep_link, expires_at}`.
The same `id` again changes nothing. `end` resolves the case and releases who answers.

`files` are ids of the visitor's own uploads: `POST /chat-api/files` with the file as the body,
`Authorization: Bearer <token>`, and the name percent-encoded in `X-File-Name` (`?account=` where
there are several). The answer is 201 `{id, name, media_type, size, url}`, or a problem. What is in
no message is forgotten after a day.

# /desk

Authenticated by the session cookie, from our own pages only; `connect_error` otherwise.

Server to client:
* `thread {row, absorbed?}` to all agents: a thread moved (`row` as in `GET /api/v1/threads`).
* `entries {thread, entries, absorbed?}` to those who watch: as in `GET .../entries`.
* `send {thread, identity, send}` to those who watch: how a message out went.
* `viewing {thread, agents}`: who looks at a thread. `typing {thread, who, name}`.

Client to server: `watch {thread, after}` -> `{ok, row, entries}`, `unwatch {thread}`,
`typing {thread}`.

# Several processes

Each edge hears what all processes announce and tells its own sockets; what is emitted to a room
from outside (messages of the web chat, typing) goes over the fan-out to the edges. Where any of
that may have been missed the edge closes its sockets' transports, a few at a time: clients come
again by themselves, here or at another edge, and get everything replayed from `last_seq` (`after`
at the desk). An edge that stops does the same.
"""
