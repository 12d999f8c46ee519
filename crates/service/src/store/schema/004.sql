-- The transaction record is read by query: `show transactions start=… end=…`.
CREATE INDEX txn_time ON txn (time);
