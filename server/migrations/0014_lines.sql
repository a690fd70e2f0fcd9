-- Lines of keys: which algorithm a key has, its public part where it has one, and when it came into each state. Keys
-- from before are of the line `main`; when they became current is not known.
ALTER TABLE keys RENAME COLUMN created_ms TO made_ms;
ALTER TABLE keys ADD COLUMN line TEXT NOT NULL DEFAULT 'main';
ALTER TABLE keys ADD COLUMN alg TEXT NOT NULL DEFAULT 'HS256';
-- A JWK. The secret is empty where the private part is not here.
ALTER TABLE keys ADD COLUMN public TEXT;
-- Those of the line, the same in each of its keys.
ALTER TABLE keys ADD COLUMN bounds TEXT NOT NULL DEFAULT '{}';
ALTER TABLE keys ADD COLUMN current_ms INTEGER;
ALTER TABLE keys ADD COLUMN retiring_ms INTEGER;
ALTER TABLE keys ADD COLUMN retires_ms INTEGER;
ALTER TABLE keys ADD COLUMN last_used_ms INTEGER;
ALTER TABLE keys ADD COLUMN last_iat INTEGER;
-- When it was first found to verify a token from after its rotation.
ALTER TABLE keys ADD COLUMN retiring_used_ms INTEGER;

-- What a retiring key signed has ended after the longest life of a token, counted from now.
UPDATE keys SET retires_ms =
    (CAST(strftime('%s', 'now') AS INTEGER) + 10 + (SELECT ttl_s_max FROM apps WHERE apps.id = keys.app)) * 1000
    WHERE state = 'retiring';

DROP INDEX keys_one_current;
DROP INDEX keys_one_next;
CREATE UNIQUE INDEX keys_one_current ON keys (app, line) WHERE state = 'current';
CREATE UNIQUE INDEX keys_one_next ON keys (app, line) WHERE state = 'next';
CREATE INDEX keys_by_end ON keys (retires_ms) WHERE state = 'retiring';

-- Until when tokens live that were minted before the app's longest life was shortened.
ALTER TABLE apps ADD COLUMN tokens_until_ms INTEGER NOT NULL DEFAULT 0;

-- How many tokens each key verified, by day since the Unix epoch.
CREATE TABLE key_uses (
    kid    TEXT NOT NULL REFERENCES keys (kid) ON DELETE CASCADE,
    day    INTEGER NOT NULL,
    tokens INTEGER NOT NULL,
    PRIMARY KEY (kid, day)
) STRICT, WITHOUT ROWID;
CREATE INDEX key_uses_by_day ON key_uses (day);
