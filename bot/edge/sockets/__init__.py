"""The Socket.IO namespaces: `/chat` for customers, `/desk` for agents.

# /chat

Connect with `auth: {token?, account?, last_seq?, language?, identity_token?}`. `token` is what an
earlier `welcome` gave; none makes a new visitor; a wrong one, or one that was signed out, is
refused (`connect_error`, its `data` a problem). `identity_token` signs in at once, see `sign_in`.
`account` names the web chat account where there are several. `last_seq` says from where to replay.

Server to client:
* `welcome {token, visitor, state, channels, provable, site_name, text_limit, file_bytes,
  file_types, hours?, sign_in?}`: `state {owner, name?, queue?, place?, minutes?, language?}` with
  owner `bot | waiting | agent | nobody`; `place` is that in the queue (1 is next, 101 anywhere
  behind the first hundred), `minutes` about how long it takes from there, left out where nobody
  knows; `channels [{channel, account}]` to continue on, `provable` the same for `prove`;
  `file_types` are media types; `hours {open, opens_at?}` says whether people answer now, and is
  left out where no hours are configured; `sign_in` is what became of an `identity_token`:
  `{ok, rotated, until}` or `{ok, problem}`. Not taken, it leaves a visitor who is not signed in;
  `rotated`: the visitor was somebody else, and this is a fresh one with a fresh `token`.
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
* `reset {signed}`: what this page may show has changed (channels parted, a log-in ran out, older
  messages were let through). It drops every message that it shows or keeps, except what was written
  there and not acknowledged, and asks `replay {last_seq: 0}`. `signed`: the log-in still holds.
* `linked {}`: the linked channels are others now.
* `signed_out {}`: the visitor signed out, here or in another tab: the page forgets everything. The
  server closes the socket.

Client to server, each acknowledged with `{ok: true, ...}` or `{ok: false, problem}` once durable:
`message {id, text?, files?}`, `press {id, payload, title}`, `form {id, fields, text}`,
`read {entry}`, `started {id?, ref?}`, `ask_human {id?, text?}`, `leave_queue {}`, `end {id?}`,
`typing {}`, `continue {channel, account}` -> `{code, deep_link, expires_at, repeat}`.
`replay {last_seq}`: show again what came after; ends with `replayed`.
The same `id` again changes nothing. `end` resolves the case and releases who answers.

Who the visitor is:
* `sign_in {token}`: a JWT of the business's own log-in -> `{rotated: false, until}`: the page asks
  `replay {last_seq: 0}`, as all the customer's channels are shown until then. A visitor who was
  another customer gets `{rotated: true, token}` instead: the page forgets everything, connects with
  that token, and signs in there.
* `sign_out {}` -> `{token}` of a fresh visitor: the one so far is refused from now on, and all its
  sockets are closed.
* `linked {}` -> `{channels: [{identity, channel, account, label, here, linked, level, since,
  proof?, by_agent, weak}], former: [{channel, account, label, ended_at, by}]}`: the customer's
  channels, and the latest twenty whose link ended, `by` whom. `label` is masked; `identity` is what
  this visitor calls it; `level` is `L0` (a browser) to `L4` (signed in), by `proof` (`code`, `otp`,
  `signed`, `agent`); `weak`: senders there, or of its code, can be made up.
* `unlink {identity}`: that channel is not this customer's any more.
* `prove {channel, account, address}` -> `{expires_at}`: a code to the phone number that the visitor
  says is theirs, who then writes it as a message. The answer is the same whoever has the number.

`files` are ids of the visitor's own uploads: `POST /chat-api/files` with the file as the body,
`Authorization: Bearer <token>`, and the name percent-encoded in `X-File-Name` (`?account=` where
there are several). The answer is 201 `{id, name, media_type, size, url}`, or a problem. What is in
no message is forgotten after a day.

# /desk

Authenticated by the session cookie, from our own pages only; `connect_error` otherwise.

Server to client:
* `thread {row, absorbed?, parted?}` to all agents: a thread moved (`row` as in
  `GET /api/v1/threads`; without `level` it is what it was). `parted`: it was one with another
  thread until now, and what is of no identity in `row` must be shown no more.
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
