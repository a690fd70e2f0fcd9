-- The number of a refused attempt, which stands first in `detail`, so that it is found, and is chained with the record.
ALTER TABLE audit ADD COLUMN attempt TEXT GENERATED ALWAYS AS
    (CASE WHEN detail GLOB 'attempt=a_*' THEN substr(detail, 9, 10) END) VIRTUAL;
CREATE INDEX audit_by_attempt ON audit (attempt) WHERE attempt IS NOT NULL;
