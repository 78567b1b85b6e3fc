"""The schema, version by version.

JSON columns hold the model's values; beside them stand only the columns that queries need.
Moments are microseconds since 1970 (`moments.py`). Numbers for a status rise with the status.
A step may call the functions that `migrations.py` gives it.
"""

from __future__ import annotations

_INBOX = """
CREATE TABLE identities (
    id TEXT PRIMARY KEY,
    thread TEXT NOT NULL,
    channel TEXT NOT NULL,
    account TEXT NOT NULL,
    user TEXT NOT NULL,
    phone TEXT,
    name TEXT,
    username TEXT,
    language TEXT,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX identities_thread ON identities (thread);
CREATE INDEX identities_phone ON identities (phone) WHERE phone IS NOT NULL;

-- who holds an alias that perhaps nobody has written from yet
CREATE TABLE aliases (
    alias TEXT PRIMARY KEY,
    identity TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- seq: the highest entry number there was when the link was made
CREATE TABLE links (
    id TEXT NOT NULL UNIQUE,
    one TEXT NOT NULL,
    other TEXT NOT NULL,
    seq INTEGER NOT NULL,
    link TEXT NOT NULL
) STRICT;
CREATE INDEX links_one ON links (one);

CREATE TABLE requests (
    id INTEGER PRIMARY KEY,
    channel TEXT NOT NULL,
    account TEXT NOT NULL,
    method TEXT NOT NULL,
    url TEXT NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL,
    at INTEGER NOT NULL
) STRICT;

-- state: 0 new, 1 done, 2 dead
CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    identity TEXT NOT NULL,
    at INTEGER NOT NULL,
    state INTEGER NOT NULL DEFAULT 0,
    event TEXT NOT NULL,
    outcome TEXT,
    request INTEGER
) STRICT;
CREATE INDEX events_new ON events (identity) WHERE state = 0;

CREATE TABLE timers (
    id TEXT PRIMARY KEY,
    identity TEXT NOT NULL REFERENCES identities (id),
    due INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX timers_due ON timers (due);

CREATE TABLE dead_letters (
    event TEXT NOT NULL UNIQUE,
    thread TEXT,
    reason TEXT NOT NULL,
    tries INTEGER NOT NULL,
    at INTEGER NOT NULL,
    request INTEGER
) STRICT;
"""

_THREADS = """
CREATE TABLE threads (
    id TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    owner TEXT NOT NULL,
    last_at INTEGER NOT NULL,
    absorbed_by TEXT,
    state TEXT NOT NULL
) STRICT;
CREATE INDEX threads_last ON threads (last_at) WHERE absorbed_by IS NULL;
-- Nearly all threads are the bot's: those are found by threads_last.
CREATE INDEX threads_owner ON threads (owner, last_at)
    WHERE absorbed_by IS NULL AND owner <> 'bot';

CREATE TABLE entries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    identity TEXT NOT NULL REFERENCES identities (id),
    entry TEXT NOT NULL
) STRICT;
CREATE INDEX entries_identity ON entries (identity);

CREATE TABLE gaps (
    gap TEXT PRIMARY KEY,
    count INTEGER NOT NULL,
    last_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
"""

_OUTBOX = """
-- status: 0 queued, 1 sending, 2 sent, 3 failed, 4 dropped, 5 unknown
-- held: 1 while an older send to the same identity is queued or sending
CREATE TABLE sends (
    place INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    identity TEXT NOT NULL REFERENCES identities (id),
    status INTEGER NOT NULL DEFAULT 0,
    held INTEGER NOT NULL,
    due INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    entry_seq INTEGER NOT NULL,
    item TEXT NOT NULL,
    failure TEXT,
    detail TEXT NOT NULL DEFAULT '',
    warnings TEXT NOT NULL DEFAULT '[]'
) STRICT;
CREATE INDEX sends_active ON sends (identity) WHERE status < 2;
CREATE INDEX sends_due ON sends (due) WHERE status = 0 AND held = 0;

-- status: 0 queued, 1 sent, 2 delivered, 3 read, 9 failed
CREATE TABLE parts (
    place INTEGER NOT NULL REFERENCES sends (place),
    number INTEGER NOT NULL,
    identity TEXT NOT NULL,
    channel TEXT NOT NULL,
    account TEXT NOT NULL,
    external_id TEXT NOT NULL,
    status INTEGER NOT NULL,
    error_code TEXT,
    at INTEGER NOT NULL,
    PRIMARY KEY (place, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX parts_external ON parts (external_id, channel, account);
CREATE INDEX parts_unread ON parts (identity, status) WHERE status < 3;

-- what came before the part it speaks of
CREATE TABLE early_receipts (
    external_id TEXT NOT NULL,
    channel TEXT NOT NULL,
    account TEXT NOT NULL,
    status INTEGER NOT NULL,
    error_code TEXT,
    at INTEGER NOT NULL,
    UNIQUE (external_id, channel, account, status)
) STRICT;

CREATE TABLE watermarks (
    identity TEXT NOT NULL,
    status INTEGER NOT NULL,
    up_to INTEGER NOT NULL,
    PRIMARY KEY (identity, status)
) STRICT, WITHOUT ROWID;

CREATE TABLE consents (
    identity TEXT NOT NULL,
    at INTEGER NOT NULL,
    opted_out INTEGER NOT NULL,
    source TEXT NOT NULL,
    UNIQUE (identity, at, opted_out, source)
) STRICT;
"""

_DIRECTORY = """
CREATE TABLE agents (
    id TEXT PRIMARY KEY,
    email TEXT NOT NULL,
    email_key TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    active INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    token_hash TEXT PRIMARY KEY,
    agent TEXT NOT NULL,
    csrf TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_expires ON sessions (expires_at);

CREATE TABLE tokens (
    token_hash TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE codes (
    hash TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    channel TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    UNIQUE (source, channel)
) STRICT, WITHOUT ROWID;
CREATE INDEX codes_expires ON codes (expires_at);

CREATE TABLE attempts (
    key TEXT NOT NULL,
    at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX attempts_key ON attempts (key, at);
CREATE INDEX attempts_expires ON attempts (expires_at);

CREATE TABLE pulse (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    beats INTEGER NOT NULL
) STRICT;
INSERT INTO pulse VALUES (1, 0);
"""

_QUEUE = """
-- slot: crc32 of the thread, whatever the number of partitions is
CREATE TABLE queue (
    id INTEGER PRIMARY KEY,
    event TEXT NOT NULL UNIQUE,
    thread TEXT NOT NULL,
    slot INTEGER NOT NULL,
    at INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    not_before INTEGER NOT NULL DEFAULT 0,
    done INTEGER NOT NULL DEFAULT 0
) STRICT;
"""

VERSION_1 = _INBOX + _THREADS + _OUTBOX + _DIRECTORY + _QUEUE

VERSION_2 = """
-- A code is for one account of a channel. Those from before do not say which: they live ten
-- minutes, so that they are dropped rather than guessed at.
DROP TABLE codes;
CREATE TABLE codes (
    hash TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    channel TEXT NOT NULL,
    account TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    UNIQUE (source, channel, account)
) STRICT, WITHOUT ROWID;
CREATE INDEX codes_expires ON codes (expires_at);

-- to find what is old enough to be forgotten
CREATE INDEX requests_at ON requests (at);
CREATE INDEX early_receipts_at ON early_receipts (at);
"""

VERSION_3 = """
-- A claim holds until a moment, for the one opening of this file that made it.
ALTER TABLE sends ADD COLUMN held_until INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sends ADD COLUMN claimed_by TEXT NOT NULL DEFAULT '';
"""

_BLOBS = """
-- Files that were uploaded. The bytes have a table of their own: a row is written anew as a whole
-- when it changes. kept: 1 when a message has the file.
CREATE TABLE blobs (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    kept INTEGER NOT NULL DEFAULT 0,
    facts TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX blobs_unkept ON blobs (created_at) WHERE kept = 0;

CREATE TABLE blob_bodies (
    id TEXT PRIMARY KEY REFERENCES blobs (id) ON DELETE CASCADE,
    body BLOB NOT NULL
) STRICT;
"""
# A thread's lists and counts: holder is the agent or the queue, since when it is offered.
_LISTS = """
ALTER TABLE threads ADD COLUMN holder TEXT NOT NULL DEFAULT '';
ALTER TABLE threads ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
ALTER TABLE threads ADD COLUMN phase TEXT NOT NULL DEFAULT '';
ALTER TABLE threads ADD COLUMN language TEXT NOT NULL DEFAULT '';
UPDATE threads SET
    holder = coalesce(state ->> '$.owner.agent', state ->> '$.owner.queue', ''),
    since = CASE owner WHEN 'offered' THEN micros_of(state ->> '$.owner.since') ELSE 0 END,
    phase = coalesce(state ->> '$.episode.phase', ''),
    language = coalesce(state ->> '$.language', '');

DROP INDEX threads_last;
DROP INDEX threads_owner;
CREATE INDEX threads_last ON threads (last_at DESC, id) WHERE absorbed_by IS NULL;
CREATE INDEX threads_cell ON threads (owner, phase, language, last_at DESC, id)
    WHERE absorbed_by IS NULL;
-- Nearly all threads are the bot's.
CREATE INDEX threads_holder ON threads (owner, holder, last_at DESC, id)
    WHERE absorbed_by IS NULL AND owner <> 'bot';
CREATE INDEX threads_waiting ON threads (since, id)
    WHERE absorbed_by IS NULL AND owner = 'offered';

-- a thread that is listed, once for each channel that an identity of it is on
CREATE TABLE thread_channels (
    thread TEXT NOT NULL,
    channel TEXT NOT NULL,
    owner TEXT NOT NULL,
    phase TEXT NOT NULL,
    language TEXT NOT NULL,
    last_at INTEGER NOT NULL,
    UNIQUE (thread, channel)
) STRICT;
CREATE INDEX thread_channels_cell
    ON thread_channels (channel, owner, phase, language, last_at DESC, thread);
INSERT INTO thread_channels (thread, channel, owner, phase, language, last_at)
SELECT DISTINCT t.id, i.channel, t.owner, t.phase, t.language, t.last_at
FROM threads t JOIN identities i ON i.thread = t.id WHERE t.absorbed_by IS NULL;
"""

# Words come folded and parted by spaces: the tokenizer only has to leave them as they are.
_SEARCH = """
CREATE VIRTUAL TABLE entry_words USING fts5 (
    words, content='', columnsize=0, tokenize="ascii tokenchars ':_-'"
);
-- the order in which identities were met
CREATE TABLE customers (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    identity TEXT NOT NULL UNIQUE
) STRICT;
CREATE VIRTUAL TABLE customer_words USING fts5 (
    words, content='', contentless_delete=1, tokenize="ascii tokenchars ':_-'"
);

INSERT INTO entry_words (rowid, words)
SELECT seq, words FROM (
    SELECT e.seq, words_of_entry(e.entry, i.channel) AS words
    FROM entries e JOIN identities i ON i.id = e.identity
) WHERE words <> '';
INSERT INTO customers (identity) SELECT id FROM identities ORDER BY created_at, id;
INSERT INTO customer_words (rowid, words)
SELECT c.number,
    words_of_customer(i.channel, i.account, i.user, i.phone, i.name, i.username)
FROM customers c JOIN identities i ON i.id = c.identity;
"""

VERSION_4 = _LISTS + _SEARCH + _BLOBS

_FACTS = """
-- What is known of customers beside what they said. claim: what is claimed, as kind:value.
CREATE TABLE facts (
    id TEXT NOT NULL UNIQUE,
    identity TEXT NOT NULL REFERENCES identities (id),
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    claim TEXT,
    fact TEXT NOT NULL
) STRICT;
CREATE INDEX facts_identity ON facts (identity, kind, at DESC, id DESC);
CREATE INDEX facts_old ON facts (kind, at);
CREATE INDEX facts_claim ON facts (claim, at, identity) WHERE claim IS NOT NULL;

-- what was told in a shape that we do not know
CREATE TABLE held_facts (
    id TEXT NOT NULL UNIQUE,
    at INTEGER NOT NULL,
    held TEXT NOT NULL
) STRICT;
CREATE INDEX held_facts_at ON held_facts (at, id);

-- identities whose data must be kept
CREATE TABLE holds (
    identity TEXT PRIMARY KEY,
    hold TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""

_LANDMARKS = """
-- Rare entries that a customer's card reads, however long the thread is: what each is one of.
ALTER TABLE entries ADD COLUMN landmark TEXT;
UPDATE entries SET landmark = landmark_in(entry ->> '$.body.kind')
WHERE landmark_in(entry ->> '$.body.kind') IS NOT NULL;
CREATE INDEX entries_landmark ON entries (identity, landmark) WHERE landmark IS NOT NULL;
"""

_IDENTITY = """
-- What became of a link, once of each kind; place: in which order.
CREATE TABLE link_marks (
    place INTEGER PRIMARY KEY,
    link TEXT NOT NULL REFERENCES links (id),
    kind TEXT NOT NULL,
    mark TEXT NOT NULL,
    UNIQUE (link, kind)
) STRICT;

-- What a code proves, and the one identity that may use it (anybody: null).
ALTER TABLE codes ADD COLUMN proof TEXT NOT NULL DEFAULT 'code';
ALTER TABLE codes ADD COLUMN only TEXT;
"""

# Who stands where in one queue.
_QUEUES = """
CREATE INDEX threads_queue ON threads (holder, since, id)
    WHERE absorbed_by IS NULL AND owner = 'offered';
"""

VERSION_5 = _IDENTITY + _FACTS + _LANDMARKS + _QUEUES

_CONSENTS = """
-- facet: as that persona only; '': whoever they speak as
CREATE TABLE consents_now (
    identity TEXT NOT NULL,
    at INTEGER NOT NULL,
    opted_out INTEGER NOT NULL,
    source TEXT NOT NULL,
    facet TEXT NOT NULL,
    UNIQUE (identity, at, opted_out, source, facet)
) STRICT;
INSERT INTO consents_now SELECT identity, at, opted_out, source, '' FROM consents ORDER BY rowid;
DROP TABLE consents;
ALTER TABLE consents_now RENAME TO consents;
"""

# What one process does at a time; counts, one row a day; the versions that cards have had.
_COUNTING = """
CREATE TABLE chores (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    held_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE persona_counts (
    day TEXT NOT NULL UNIQUE,
    at INTEGER NOT NULL,
    counts TEXT NOT NULL
) STRICT;
CREATE INDEX persona_counts_at ON persona_counts (at);

CREATE TABLE persona_cards (
    persona TEXT NOT NULL,
    at INTEGER NOT NULL,
    version TEXT NOT NULL,
    PRIMARY KEY (persona, at DESC)
) STRICT, WITHOUT ROWID;
"""

_PUSHES = """
-- What another system is to be told: of each field of an identity the latest correction.
-- status: 0 waiting, 1 taken, 2 failed, 3 left; held_until: until then somebody makes it
CREATE TABLE pushes (
    identity TEXT NOT NULL REFERENCES identities (id),
    field TEXT NOT NULL,
    number INTEGER NOT NULL,
    again INTEGER NOT NULL,
    status INTEGER NOT NULL,
    due INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    held_until INTEGER NOT NULL DEFAULT 0,
    reason TEXT NOT NULL DEFAULT '',
    push TEXT NOT NULL,
    UNIQUE (identity, field)
) STRICT;
CREATE INDEX pushes_waiting ON pushes (number) WHERE status = 0;
CREATE INDEX pushes_failed ON pushes (number) WHERE status = 2;

-- whose turn it is to ask another system what changed there, and where the last time ended
CREATE TABLE pulls (
    name TEXT PRIMARY KEY,
    due INTEGER NOT NULL DEFAULT 0,
    held_until INTEGER NOT NULL,
    cursor TEXT
) STRICT, WITHOUT ROWID;
"""

VERSION_6 = _CONSENTS + _COUNTING + _PUSHES
