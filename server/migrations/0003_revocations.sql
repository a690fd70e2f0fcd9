ALTER TABLE apps ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;

CREATE TABLE revocations (
    app INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    generation INTEGER NOT NULL,
    target TEXT NOT NULL,
    at_s INTEGER NOT NULL,
    ban INTEGER NOT NULL,
    ends_s INTEGER,
    over_s INTEGER,
    reason TEXT,
    actor TEXT NOT NULL,
    PRIMARY KEY (app, generation)
);
CREATE INDEX revocations_by_target ON revocations (app, target);
CREATE INDEX revocations_by_end ON revocations (over_s);
