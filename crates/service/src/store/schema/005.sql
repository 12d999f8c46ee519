-- Usage rolled up: period 0 is an hour, 1 a day, 2 a month; `start` is its beginning, in seconds since 1970. Amounts are
-- seconds of a TRES.
CREATE TABLE usage_association (
  period INTEGER NOT NULL CHECK (period IN (0, 1, 2)),
  start INTEGER NOT NULL,
  association INTEGER NOT NULL,
  tres INTEGER NOT NULL,
  seconds INTEGER NOT NULL CHECK (seconds >= 0),
  charged INTEGER NOT NULL CHECK (charged >= 0), -- times the UsageFactor of the jobs' QOS
  PRIMARY KEY (period, start, association, tres)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_wckey (
  period INTEGER NOT NULL CHECK (period IN (0, 1, 2)),
  start INTEGER NOT NULL,
  wckey INTEGER NOT NULL,
  tres INTEGER NOT NULL,
  seconds INTEGER NOT NULL CHECK (seconds >= 0),
  PRIMARY KEY (period, start, wckey, tres)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_cluster (
  period INTEGER NOT NULL CHECK (period IN (0, 1, 2)),
  start INTEGER NOT NULL,
  cluster TEXT NOT NULL,
  tres INTEGER NOT NULL,
  count INTEGER NOT NULL,
  allocated INTEGER NOT NULL,
  down INTEGER NOT NULL,
  planned_down INTEGER NOT NULL,
  idle INTEGER NOT NULL,
  planned INTEGER NOT NULL,
  overcommitted INTEGER NOT NULL,
  PRIMARY KEY (period, start, cluster, tres)
) STRICT, WITHOUT ROWID;

-- Hours before `rolled` are as the records say; from there up to `known` they are as they were before older records
-- came in, and are made again.
CREATE TABLE usage_progress (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  rolled INTEGER,
  known INTEGER
) STRICT;
INSERT INTO usage_progress VALUES (1, NULL, NULL);

CREATE INDEX job_eligible ON job (time_eligible);

-- When an association's usage was set to zero (`modify … set RawUsage=0`): what was used before does not count any more.
CREATE TABLE usage_reset (
  association INTEGER PRIMARY KEY CHECK (association > 0),
  time INTEGER NOT NULL
) STRICT;
