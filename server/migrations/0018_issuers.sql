-- Issuers of ID tokens (spec/sso.md), each of one app. What is in `settings` is public: no secret is needed to verify.
CREATE TABLE issuers (
    app        INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    id         TEXT NOT NULL,
    issuer     TEXT NOT NULL,
    settings   TEXT NOT NULL,
    changed_ms INTEGER NOT NULL,
    actor      TEXT NOT NULL,
    actor_kind TEXT NOT NULL,
    PRIMARY KEY (app, id),
    UNIQUE (app, issuer)
) STRICT;
