-- Rises with each change of an app, for its ETag.
ALTER TABLE apps ADD COLUMN version INTEGER NOT NULL DEFAULT 1;

-- What is written to see whether anything can be written.
CREATE TABLE probe (
    id INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
    padding BLOB NOT NULL
);

CREATE INDEX idempotency_by_time ON idempotency (at_ms);

-- Ends so far off that they did not fit, which made the list unreadable: they are no ends.
UPDATE api_keys SET expires_ms = NULL WHERE expires_ms < 0;
