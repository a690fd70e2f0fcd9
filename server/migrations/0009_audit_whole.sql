-- Of what kind an actor is; of which app made under an AppID a record is; for how many events it stands, one unless
-- it says so. Rows from before do not know.
ALTER TABLE audit ADD COLUMN actor_kind TEXT;
ALTER TABLE audit ADD COLUMN app_since INTEGER;
ALTER TABLE audit ADD COLUMN count INTEGER;
ALTER TABLE revocations ADD COLUMN actor_kind TEXT;
ALTER TABLE role_sets ADD COLUMN actor_kind TEXT;
