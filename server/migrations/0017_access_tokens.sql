-- Access tokens of OAuth clients, hashed. One acts as its client, with at most the client's rights at the time of use,
-- and ends with the secret by which the client asked for it.
CREATE TABLE access_tokens (
    id          TEXT PRIMARY KEY NOT NULL,
    hash        BLOB NOT NULL,
    -- What the client is: `api_key`.
    client_kind TEXT NOT NULL,
    client      TEXT NOT NULL,
    -- The hash of the client's secret that was presented.
    client_hash BLOB NOT NULL,
    -- The one app that it is for; NULL: every app of its client.
    app         INTEGER,
    scopes      TEXT NOT NULL,
    created_ms  INTEGER NOT NULL,
    expires_ms  INTEGER NOT NULL,
    leaked_ms   INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX access_tokens_by_client ON access_tokens (client_kind, client, expires_ms);
CREATE INDEX access_tokens_by_end ON access_tokens (expires_ms);

CREATE TRIGGER access_tokens_of_api_keys AFTER DELETE ON api_keys BEGIN
    DELETE FROM access_tokens WHERE client_kind = 'api_key' AND client = OLD.id;
END;
-- After a rotation those of a secret that no longer lives are gone.
CREATE TRIGGER access_tokens_of_secrets AFTER UPDATE OF hash, old_hash ON api_keys BEGIN
    DELETE FROM access_tokens WHERE client_kind = 'api_key' AND client = NEW.id
        AND client_hash IS NOT NEW.hash AND client_hash IS NOT NEW.old_hash;
END;
