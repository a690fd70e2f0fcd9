-- People and service accounts that run the deployment (spec/team.md). `level` holds in every app.
CREATE TABLE operators (
    id            TEXT PRIMARY KEY NOT NULL,
    name          TEXT NOT NULL UNIQUE,
    kind          TEXT NOT NULL,
    level         TEXT,
    is_disabled   INTEGER NOT NULL DEFAULT 0,
    -- Who it is at the identity provider.
    issuer        TEXT,
    subject       TEXT,
    -- Whether a mapping of claims made it, and sets its levels at each login.
    is_mapped     INTEGER NOT NULL DEFAULT 0,
    created_ms    INTEGER NOT NULL,
    last_login_ms INTEGER,
    UNIQUE (issuer, subject)
) STRICT;
CREATE TABLE team (
    operator TEXT NOT NULL REFERENCES operators (id) ON DELETE CASCADE,
    app      INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    level    TEXT NOT NULL,
    PRIMARY KEY (operator, app)
) STRICT;
CREATE INDEX team_by_app ON team (app, operator);

CREATE TABLE personal_tokens (
    id           TEXT PRIMARY KEY NOT NULL,
    operator     TEXT NOT NULL REFERENCES operators (id) ON DELETE CASCADE,
    name         TEXT NOT NULL,
    hash         BLOB NOT NULL,
    scopes       TEXT NOT NULL,
    bounds       TEXT,
    created_ms   INTEGER NOT NULL,
    expires_ms   INTEGER NOT NULL,
    last_used_ms INTEGER,
    networks     TEXT,
    -- When it was reported as leaked. It opens nothing since.
    leaked_ms    INTEGER
) STRICT;
CREATE INDEX personal_tokens_by_operator ON personal_tokens (operator, id);
-- A service account's personal token may be an OAuth client.
CREATE TRIGGER access_tokens_of_personal_tokens AFTER DELETE ON personal_tokens BEGIN
    DELETE FROM access_tokens WHERE client_kind = 'personal_token' AND client = OLD.id;
END;

-- Links that log in once. A link that was used is gone.
CREATE TABLE links (
    id         TEXT PRIMARY KEY NOT NULL,
    operator   TEXT NOT NULL REFERENCES operators (id) ON DELETE CASCADE,
    hash       BLOB NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX links_by_operator ON links (operator, created_ms);

-- Sessions of browsers: of the cookie only the hash.
CREATE TABLE sessions (
    id         TEXT PRIMARY KEY NOT NULL,
    operator   TEXT NOT NULL REFERENCES operators (id) ON DELETE CASCADE,
    hash       BLOB NOT NULL UNIQUE,
    -- link, oidc
    way        TEXT NOT NULL,
    network    TEXT,
    created_ms INTEGER NOT NULL,
    used_ms    INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_by_operator ON sessions (operator, used_ms);
