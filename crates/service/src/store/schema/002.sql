-- Jobs and steps. Times are seconds since 1970; no value: it has not happened. State, step number and flags are Slurm's
-- numbers; TRES lists are `1=4,2=2000`. `more` is JSON of what only listings show.
CREATE TABLE job (
  id INTEGER PRIMARY KEY CHECK (id > 0),
  cluster TEXT NOT NULL CHECK (cluster <> ''),
  job_id INTEGER NOT NULL CHECK (job_id BETWEEN 1 AND 4294967295),
  time_submit INTEGER NOT NULL,
  time_eligible INTEGER,
  time_start INTEGER,
  time_end INTEGER,
  suspended INTEGER NOT NULL CHECK (suspended >= 0), -- seconds
  state INTEGER NOT NULL,
  cancelled_by INTEGER,
  exit_code INTEGER NOT NULL CHECK (exit_code BETWEEN 0 AND 255),
  exit_signal INTEGER NOT NULL CHECK (exit_signal BETWEEN 0 AND 255),
  derived_code INTEGER NOT NULL CHECK (derived_code BETWEEN 0 AND 255),
  derived_signal INTEGER NOT NULL CHECK (derived_signal BETWEEN 0 AND 255),
  array_job INTEGER,
  array_task INTEGER,
  array_tasks TEXT CHECK (array_tasks IS NULL OR array_task IS NULL),
  het_job INTEGER,
  het_offset INTEGER CHECK ((het_offset IS NULL) = (het_job IS NULL)),
  association INTEGER NOT NULL CHECK (association >= 0), -- 0: none was found
  qos INTEGER NOT NULL CHECK (qos >= 0), -- 0: not known
  name TEXT NOT NULL,
  account TEXT NOT NULL,
  user TEXT NOT NULL,
  uid INTEGER,
  gid INTEGER,
  partition TEXT NOT NULL,
  wckey TEXT NOT NULL,
  reservation TEXT NOT NULL,
  reservation_id INTEGER NOT NULL,
  time_limit INTEGER CHECK (time_limit >= -1), -- minutes; -1: unlimited; no value: the partition's
  nodes TEXT NOT NULL,
  node_count INTEGER NOT NULL,
  cpus_requested INTEGER NOT NULL,
  tres_requested TEXT NOT NULL,
  tres_allocated TEXT NOT NULL,
  priority INTEGER NOT NULL,
  reason TEXT NOT NULL,
  flags INTEGER NOT NULL,
  constraints TEXT NOT NULL,
  more TEXT NOT NULL,
  UNIQUE (job_id, cluster, time_submit)
) STRICT;
CREATE INDEX job_end ON job (cluster, time_end, time_submit);
CREATE INDEX job_user ON job (user, time_end);
CREATE INDEX job_array ON job (array_job) WHERE array_job IS NOT NULL;
CREATE INDEX job_het ON job (het_job) WHERE het_job IS NOT NULL;

CREATE TABLE step (
  job INTEGER NOT NULL REFERENCES job (id) ON DELETE CASCADE,
  number INTEGER NOT NULL CHECK (number BETWEEN -6 AND 4294967295),
  component INTEGER NOT NULL CHECK (component >= -1), -- of a heterogeneous step; -1: it is none
  name TEXT NOT NULL,
  state INTEGER NOT NULL,
  cancelled_by INTEGER,
  exit_code INTEGER NOT NULL CHECK (exit_code BETWEEN 0 AND 255),
  exit_signal INTEGER NOT NULL CHECK (exit_signal BETWEEN 0 AND 255),
  time_start INTEGER,
  time_end INTEGER,
  suspended INTEGER NOT NULL CHECK (suspended >= 0),
  node_count INTEGER NOT NULL,
  nodes TEXT NOT NULL,
  tasks INTEGER NOT NULL,
  user_cpu INTEGER NOT NULL, -- microseconds
  system_cpu INTEGER NOT NULL,
  tres_allocated TEXT NOT NULL,
  more TEXT NOT NULL,
  PRIMARY KEY (job, number, component)
) STRICT, WITHOUT ROWID;
