-- The first schema. Rows that were taken away stay with deleted = 1. Limits have a row each: no row is "unset", 0 is 0.
CREATE TABLE cluster (
  name TEXT PRIMARY KEY CHECK (name <> ''),
  control_host TEXT NOT NULL,
  control_port INTEGER NOT NULL CHECK (control_port BETWEEN 0 AND 65535),
  rpc_version INTEGER NOT NULL CHECK (rpc_version BETWEEN 0 AND 65535),
  deleted INTEGER NOT NULL CHECK (deleted IN (0, 1))
) STRICT;

CREATE TABLE account (
  name TEXT PRIMARY KEY CHECK (name <> ''),
  description TEXT NOT NULL,
  organization TEXT NOT NULL,
  deleted INTEGER NOT NULL CHECK (deleted IN (0, 1))
) STRICT;

CREATE TABLE user (
  name TEXT PRIMARY KEY CHECK (name <> ''),
  admin_level INTEGER NOT NULL CHECK (admin_level IN (1, 2, 3)),
  deleted INTEGER NOT NULL CHECK (deleted IN (0, 1))
) STRICT;

CREATE TABLE tres (
  id INTEGER PRIMARY KEY CHECK (id > 0),
  kind TEXT NOT NULL CHECK (kind <> ''),
  name TEXT NOT NULL,
  UNIQUE (kind, name)
) STRICT;

CREATE TABLE qos (
  id INTEGER PRIMARY KEY CHECK (id > 0),
  name TEXT NOT NULL CHECK (name <> ''),
  description TEXT NOT NULL,
  priority INTEGER NOT NULL CHECK (priority >= 0),
  flags TEXT NOT NULL,
  preempt TEXT NOT NULL,
  preempt_mode TEXT NOT NULL,
  grace_time INTEGER NOT NULL CHECK (grace_time >= 0),
  preempt_exempt_time INTEGER CHECK (preempt_exempt_time >= 0),
  usage_factor REAL NOT NULL,
  usage_threshold REAL,
  limit_factor REAL,
  deleted INTEGER NOT NULL CHECK (deleted IN (0, 1))
) STRICT;
CREATE UNIQUE INDEX qos_name ON qos (name) WHERE deleted = 0;

CREATE TABLE association (
  id INTEGER PRIMARY KEY CHECK (id > 0),
  cluster TEXT NOT NULL REFERENCES cluster (name) DEFERRABLE INITIALLY DEFERRED,
  account TEXT NOT NULL CHECK (account <> ''),
  user TEXT NOT NULL,
  partition TEXT NOT NULL CHECK (partition = '' OR user <> ''),
  parent INTEGER REFERENCES association (id) DEFERRABLE INITIALLY DEFERRED CHECK (parent <> id),
  position INTEGER NOT NULL,
  is_default INTEGER NOT NULL CHECK (is_default IN (0, 1) AND (is_default = 0 OR user <> '')),
  shares INTEGER CHECK (shares >= 0), -- no value: the parent's
  priority INTEGER CHECK (priority >= 0),
  qos TEXT, -- exactly these; no value: inherited
  qos_added TEXT NOT NULL,
  qos_removed TEXT NOT NULL,
  default_qos INTEGER,
  deleted INTEGER NOT NULL CHECK (deleted IN (0, 1)),
  UNIQUE (cluster, account, user, partition)
) STRICT;
CREATE UNIQUE INDEX association_default ON association (cluster, user) WHERE is_default = 1 AND deleted = 0;

CREATE TABLE association_limit (
  owner INTEGER NOT NULL REFERENCES association (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
  name TEXT NOT NULL,
  tres INTEGER NOT NULL CHECK (tres >= 0),
  value INTEGER NOT NULL CHECK (value >= 0),
  PRIMARY KEY (owner, name, tres)
) STRICT, WITHOUT ROWID;

CREATE TABLE qos_limit (
  owner INTEGER NOT NULL REFERENCES qos (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
  name TEXT NOT NULL,
  tres INTEGER NOT NULL CHECK (tres >= 0),
  value INTEGER NOT NULL CHECK (value >= 0),
  PRIMARY KEY (owner, name, tres)
) STRICT, WITHOUT ROWID;

CREATE TABLE coordinator (
  account TEXT NOT NULL REFERENCES account (name) DEFERRABLE INITIALLY DEFERRED,
  user TEXT NOT NULL REFERENCES user (name) DEFERRABLE INITIALLY DEFERRED,
  PRIMARY KEY (account, user)
) STRICT, WITHOUT ROWID;

CREATE TABLE txn (
  id INTEGER PRIMARY KEY CHECK (id > 0),
  time INTEGER NOT NULL,
  action INTEGER NOT NULL,
  actor TEXT NOT NULL,
  target TEXT NOT NULL,
  info TEXT NOT NULL,
  cluster TEXT NOT NULL
) STRICT;
