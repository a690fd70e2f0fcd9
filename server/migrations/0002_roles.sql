CREATE TABLE role_sets (
    app INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    roles TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    actor TEXT NOT NULL,
    PRIMARY KEY (app, version)
);
