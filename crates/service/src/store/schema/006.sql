-- How far records of each kind are purged. From `frozen` back usage stays as it was summed up, since records that it was
-- made of may be gone; everything before `done` is purged. `file` is an archive that is written and whose records are on
-- their way out.
CREATE TABLE purge (
  kind TEXT PRIMARY KEY CHECK (kind <> ''),
  frozen INTEGER NOT NULL,
  done INTEGER,
  file TEXT
) STRICT, WITHOUT ROWID;
