-- From which version on the next ones of roles are: after a restoration beyond any that was given before it.
ALTER TABLE deployment ADD COLUMN role_versions_from INTEGER NOT NULL DEFAULT 1;
