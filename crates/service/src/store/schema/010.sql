-- A list of three in a CHECK costs SQLite a table of its own for every row that is written: a range costs nothing.
ALTER TABLE usage_association RENAME TO old_usage_association;
CREATE TABLE usage_association (
  period INTEGER NOT NULL CHECK (period BETWEEN 0 AND 2),
  start INTEGER NOT NULL,
  association INTEGER NOT NULL,
  tres INTEGER NOT NULL,
  seconds INTEGER NOT NULL CHECK (seconds >= 0),
  charged INTEGER NOT NULL CHECK (charged >= 0), -- times the UsageFactor of the jobs' QOS
  PRIMARY KEY (period, start, association, tres)
) STRICT, WITHOUT ROWID;
INSERT INTO usage_association SELECT * FROM old_usage_association;
DROP TABLE old_usage_association;

ALTER TABLE usage_wckey RENAME TO old_usage_wckey;
CREATE TABLE usage_wckey (
  period INTEGER NOT NULL CHECK (period BETWEEN 0 AND 2),
  start INTEGER NOT NULL,
  wckey INTEGER NOT NULL,
  tres INTEGER NOT NULL,
  seconds INTEGER NOT NULL CHECK (seconds >= 0),
  PRIMARY KEY (period, start, wckey, tres)
) STRICT, WITHOUT ROWID;
INSERT INTO usage_wckey SELECT * FROM old_usage_wckey;
DROP TABLE old_usage_wckey;

ALTER TABLE usage_qos RENAME TO old_usage_qos;
CREATE TABLE usage_qos (
  period INTEGER NOT NULL CHECK (period BETWEEN 0 AND 2),
  start INTEGER NOT NULL,
  cluster TEXT NOT NULL CHECK (cluster <> ''),
  qos INTEGER NOT NULL,
  tres INTEGER NOT NULL,
  charged INTEGER NOT NULL CHECK (charged >= 0),
  PRIMARY KEY (period, start, cluster, qos, tres)
) STRICT, WITHOUT ROWID;
INSERT INTO usage_qos SELECT * FROM old_usage_qos;
DROP TABLE old_usage_qos;

ALTER TABLE usage_cluster RENAME TO old_usage_cluster;
CREATE TABLE usage_cluster (
  period INTEGER NOT NULL CHECK (period BETWEEN 0 AND 2),
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
INSERT INTO usage_cluster SELECT * FROM old_usage_cluster;
DROP TABLE old_usage_cluster;

-- How often usage that was summed up before changed since: whoever has a sum of it reads on only while this stays.
ALTER TABLE usage_progress ADD COLUMN remade INTEGER NOT NULL DEFAULT 0;
