CREATE TABLE apps (
    id INTEGER PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    ttl_s_default INTEGER NOT NULL,
    ttl_s_max INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
);

CREATE TABLE keys (
    kid TEXT PRIMARY KEY NOT NULL,
    app INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    secret BLOB NOT NULL,
    state TEXT NOT NULL,
    created_ms INTEGER NOT NULL
);
CREATE INDEX keys_by_app ON keys (app);
CREATE UNIQUE INDEX keys_one_current ON keys (app) WHERE state = 'current';
CREATE UNIQUE INDEX keys_one_next ON keys (app) WHERE state = 'next';

CREATE TABLE api_keys (
    id TEXT PRIMARY KEY NOT NULL,
    app INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    hash BLOB NOT NULL,
    scopes TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER,
    last_used_ms INTEGER
);
CREATE INDEX api_keys_by_app ON api_keys (app);

CREATE TABLE root (
    id INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
    hash BLOB NOT NULL,
    created_ms INTEGER NOT NULL
);

CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    at_ms INTEGER NOT NULL,
    app INTEGER,
    kind TEXT NOT NULL,
    code TEXT NOT NULL,
    actor TEXT,
    room TEXT,
    user_id TEXT,
    role TEXT,
    jti TEXT,
    peer TEXT,
    request_id TEXT,
    detail TEXT
);
CREATE INDEX audit_by_app ON audit (app, id);
CREATE INDEX audit_by_time ON audit (at_ms);

CREATE TABLE idempotency (
    caller TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    request_hash BLOB NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (caller, idempotency_key)
);
