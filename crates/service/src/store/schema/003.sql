-- Wckeys, federations, resources, events and reservations; Slurm's own numbers of transactions.
CREATE TABLE wckey (
  id INTEGER PRIMARY KEY CHECK (id > 0),
  user TEXT NOT NULL CHECK (user <> ''),
  cluster TEXT NOT NULL CHECK (cluster <> ''),
  name TEXT NOT NULL,
  is_default INTEGER NOT NULL CHECK (is_default IN (0, 1)),
  deleted INTEGER NOT NULL CHECK (deleted IN (0, 1)),
  UNIQUE (user, cluster, name)
) STRICT;

CREATE TABLE federation (
  name TEXT PRIMARY KEY CHECK (name <> ''),
  deleted INTEGER NOT NULL CHECK (deleted IN (0, 1))
) STRICT;

ALTER TABLE cluster ADD COLUMN classification INTEGER NOT NULL DEFAULT 0 CHECK (classification BETWEEN 0 AND 3);
ALTER TABLE cluster ADD COLUMN federation TEXT NOT NULL DEFAULT '';
ALTER TABLE cluster ADD COLUMN federation_id INTEGER NOT NULL DEFAULT 0 CHECK (federation_id BETWEEN 0 AND 63);
ALTER TABLE cluster ADD COLUMN federation_state INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cluster ADD COLUMN features TEXT NOT NULL DEFAULT '';

CREATE TABLE resource (
  id INTEGER PRIMARY KEY CHECK (id > 0),
  name TEXT NOT NULL CHECK (name <> ''),
  server TEXT NOT NULL CHECK (server <> ''),
  description TEXT NOT NULL,
  server_type TEXT NOT NULL,
  count INTEGER NOT NULL CHECK (count >= 0),
  deleted INTEGER NOT NULL CHECK (deleted IN (0, 1))
) STRICT;
CREATE UNIQUE INDEX resource_name ON resource (name, server) WHERE deleted = 0;

CREATE TABLE resource_cluster (
  resource INTEGER NOT NULL REFERENCES resource (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
  cluster TEXT NOT NULL CHECK (cluster <> ''),
  percent INTEGER NOT NULL CHECK (percent BETWEEN 0 AND 100),
  PRIMARY KEY (resource, cluster)
) STRICT, WITHOUT ROWID;

CREATE TABLE event (
  id INTEGER PRIMARY KEY CHECK (id > 0),
  cluster TEXT NOT NULL CHECK (cluster <> ''),
  node TEXT NOT NULL, -- empty: the whole cluster
  start INTEGER NOT NULL CHECK (start >= 0),
  end INTEGER CHECK (end >= start), -- no value: lasts
  state INTEGER NOT NULL CHECK (state >= 0),
  reason TEXT NOT NULL,
  user INTEGER CHECK (user >= 0),
  tres TEXT NOT NULL, -- 1=4,2=1000
  cluster_nodes TEXT NOT NULL
) STRICT;

CREATE TABLE reservation (
  cluster TEXT NOT NULL CHECK (cluster <> ''),
  id INTEGER NOT NULL CHECK (id >= 0),
  name TEXT NOT NULL,
  start INTEGER NOT NULL CHECK (start >= 0),
  end INTEGER NOT NULL CHECK (end >= start),
  tres TEXT NOT NULL, -- 1=4,2=1000
  flags INTEGER NOT NULL,
  nodes TEXT NOT NULL,
  unused_wall REAL NOT NULL CHECK (unused_wall >= 0),
  associations TEXT NOT NULL,
  PRIMARY KEY (cluster, id, start)
) STRICT, WITHOUT ROWID;

UPDATE txn SET action = CASE action
  WHEN 1407 THEN 1406 WHEN 1413 THEN 1428 WHEN 1414 THEN 1429 WHEN 1417 THEN 1431 WHEN 1420 THEN 1435
  WHEN 1421 THEN 1436 WHEN 1422 THEN 1437 WHEN 1423 THEN 1438 WHEN 1424 THEN 1439 WHEN 1427 THEN 1447
  WHEN 1428 THEN 1450 WHEN 1429 THEN 1451 WHEN 1461 THEN 1485 ELSE action END;
