-- The chain of the audit trail (spec/audit.md): its name and the last record from before it, one link for each
-- transaction that adds records, signed checkpoints, which are never deleted, and the keys that sign them.
CREATE TABLE audit_chain (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    chain    BLOB NOT NULL,
    start_id INTEGER NOT NULL
) STRICT;
CREATE TABLE audit_links (
    last_id  INTEGER PRIMARY KEY,
    first_id INTEGER NOT NULL,
    at_ms    INTEGER NOT NULL,
    version  INTEGER NOT NULL,
    previous BLOB NOT NULL,
    link     BLOB NOT NULL
) STRICT;
CREATE TABLE audit_checkpoints (
    last_id   INTEGER PRIMARY KEY,
    link      BLOB NOT NULL,
    at_ms     INTEGER NOT NULL,
    kid       TEXT NOT NULL,
    signature TEXT NOT NULL
) STRICT;
-- The secret of a retired key is gone; its public key stays, for its checkpoints.
CREATE TABLE audit_keys (
    kid        TEXT PRIMARY KEY,
    public     BLOB NOT NULL,
    secret     BLOB,
    created_ms INTEGER NOT NULL,
    retired_ms INTEGER
) STRICT;
