-- The data keys, each wrapped under one master key, or two while the master key is rotated. Of the data keys, the one
-- with the highest number seals; of the master keys, the one with the highest turn came last.
CREATE TABLE data_keys (
    id        BLOB NOT NULL CHECK (length(id) = 8),
    number    INTEGER NOT NULL,
    master_id BLOB NOT NULL CHECK (length(master_id) = 8),
    turn      INTEGER NOT NULL,
    wrapped   BLOB NOT NULL,
    PRIMARY KEY (id, master_id)
) STRICT, WITHOUT ROWID;

-- Acts of `stagedoor master-key` that are not in the audit trail yet: the server moves them there.
CREATE TABLE sealing_acts (
    id     INTEGER PRIMARY KEY NOT NULL,
    at_ms  INTEGER NOT NULL,
    kind   TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;

-- Whether the file may still hold what was in clear before it was sealed.
ALTER TABLE deployment ADD COLUMN rewrite_due INTEGER NOT NULL DEFAULT 0;
