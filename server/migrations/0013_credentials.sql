-- The secret before the last rotation, while it lives on: `old_hash` goes when it ends, the times stay.
ALTER TABLE api_keys ADD COLUMN old_hash BLOB;
ALTER TABLE api_keys ADD COLUMN old_ends_ms INTEGER;
ALTER TABLE api_keys ADD COLUMN old_last_used_ms INTEGER;
-- The networks that it was used from, as JSON: bounded, the latest first.
ALTER TABLE api_keys ADD COLUMN networks TEXT;
-- When the trail said that it is about to expire.
ALTER TABLE api_keys ADD COLUMN expiring_ms INTEGER;
-- When it was reported as leaked. It opens nothing any more, and is recognised when it is reported again.
ALTER TABLE api_keys ADD COLUMN leaked_ms INTEGER;
CREATE INDEX api_keys_by_end ON api_keys (expires_ms) WHERE expiring_ms IS NULL;
CREATE INDEX api_keys_by_old_end ON api_keys (old_ends_ms) WHERE old_hash IS NOT NULL;

-- Its id; NULL if it is from before credentials had check digits.
ALTER TABLE root ADD COLUMN credential TEXT;
ALTER TABLE root ADD COLUMN last_used_ms INTEGER;
ALTER TABLE root ADD COLUMN networks TEXT;
ALTER TABLE root ADD COLUMN leaked_ms INTEGER;
