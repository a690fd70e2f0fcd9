-- The time by which things were old when it was noted last: what a start with a wrong calendar goes by.
CREATE TABLE clock (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    settled_ms INTEGER NOT NULL
) STRICT;
