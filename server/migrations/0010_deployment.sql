-- Which deployment the database is of, by a name of its own, and whether a process has it open: a copy of an open one
-- lacks what is in its log.
CREATE TABLE deployment (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    name    TEXT NOT NULL,
    is_open INTEGER NOT NULL
) STRICT;
INSERT INTO deployment (id, name, is_open) VALUES (1, lower(hex(randomblob(16))), 0);
