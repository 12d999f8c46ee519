-- What the scheduler knows of jobs that live: read whole at a start, written whole when it changes, never searched.
CREATE TABLE job_live (
  number INTEGER PRIMARY KEY,
  script INTEGER NOT NULL, -- the row of job_batch that it runs, if it runs a script: its own, or its array's
  document TEXT NOT NULL
) STRICT;
CREATE INDEX job_live_script ON job_live (script);

CREATE TABLE node_live (
  name TEXT PRIMARY KEY,
  document TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What jobs run, and as whom (the login name): written once, and gone with the last job that runs it.
CREATE TABLE job_batch (
  number INTEGER PRIMARY KEY,
  login TEXT NOT NULL,
  document TEXT NOT NULL,
  script BLOB NOT NULL
) STRICT;

-- The number that was given last.
CREATE TABLE job_number (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  last INTEGER NOT NULL CHECK (last >= 0)
) STRICT;
