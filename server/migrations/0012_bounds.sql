-- How far an API key's rights reach, as JSON (spec/bounds.md). NULL: not bounded.
ALTER TABLE api_keys ADD COLUMN bounds TEXT;
