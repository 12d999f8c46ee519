-- What jobs of a QOS used on a cluster: seconds times its UsageFactor. TRES 0 is the time for which jobs ran (GrpWall);
-- `usage_association` has it, too, by the hour.
CREATE TABLE usage_qos (
  period INTEGER NOT NULL CHECK (period IN (0, 1, 2)),
  start INTEGER NOT NULL,
  cluster TEXT NOT NULL CHECK (cluster <> ''),
  qos INTEGER NOT NULL,
  tres INTEGER NOT NULL,
  charged INTEGER NOT NULL CHECK (charged >= 0),
  PRIMARY KEY (period, start, cluster, qos, tres)
) STRICT, WITHOUT ROWID;

-- Hours that were summed up before know neither, so they are summed up again as far back as their records are there.
UPDATE usage_progress SET rolled = MIN(rolled, MAX(
  IFNULL((SELECT MIN(time_eligible) FROM job), rolled), IFNULL((SELECT MAX(frozen) FROM purge), 0)))
  WHERE rolled IS NOT NULL;
