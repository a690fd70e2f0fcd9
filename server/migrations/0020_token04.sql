-- Whether an app takes Token04, and what it makes of one, as JSON; NULL: off.
ALTER TABLE apps ADD COLUMN token04 TEXT;
