-- What is left of all usage at the end of a day, of what was used from `since` on, where `rate` is left after a second: with
-- the hours from there on it is what counts now. Whoever makes an hour before again takes it away.
CREATE TABLE usage_balance (
  until INTEGER PRIMARY KEY,
  since INTEGER NOT NULL,
  rate REAL NOT NULL CHECK (rate >= 0 AND rate <= 1)
) STRICT;

CREATE TABLE usage_left (
  until INTEGER NOT NULL REFERENCES usage_balance (until) ON DELETE CASCADE,
  association INTEGER NOT NULL,
  tres INTEGER NOT NULL,
  seconds REAL NOT NULL CHECK (seconds >= 0),
  PRIMARY KEY (until, association, tres)
) STRICT, WITHOUT ROWID;

-- The associations whose usage had been set to zero then, themselves or above: what was used before `time` is not in it.
CREATE TABLE usage_zeroed (
  until INTEGER NOT NULL REFERENCES usage_balance (until) ON DELETE CASCADE,
  association INTEGER NOT NULL,
  time INTEGER NOT NULL,
  PRIMARY KEY (until, association)
) STRICT, WITHOUT ROWID;
