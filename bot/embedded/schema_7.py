"""Version 7 of the schema: words that go, and how accounts fare."""

_WORDS = """
-- up to which of its entries the words of an identity have been forgotten
ALTER TABLE identities ADD COLUMN words_gone INTEGER NOT NULL DEFAULT 0;

-- Of what has been processed the id tells a repeat; the words are in the entries, and there alone.
UPDATE events SET event = '' WHERE state = 1;
-- What a thread that went up in another once was is read nowhere.
UPDATE threads SET state = json_object('thread', id) WHERE absorbed_by IS NOT NULL;
"""

# What was seen of channel accounts, and accounts that the API made.
_HEALTH = """
CREATE TABLE signs (
    channel TEXT NOT NULL, account TEXT NOT NULL, sign TEXT NOT NULL, slot INTEGER NOT NULL,
    count INTEGER NOT NULL, last_at INTEGER NOT NULL, until INTEGER,
    detail TEXT NOT NULL, seen TEXT NOT NULL,
    PRIMARY KEY (channel, account, sign, slot)
) STRICT, WITHOUT ROWID;
CREATE TABLE accounts (
    channel TEXT NOT NULL, account TEXT NOT NULL, version INTEGER NOT NULL,
    sealed BLOB NOT NULL, by TEXT NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY (channel, account)
) STRICT, WITHOUT ROWID;
"""

VERSION_7 = _WORDS + _HEALTH
