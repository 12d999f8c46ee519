-- The earliest time of which records were added or changed since the rollup last looked; no value: none were.
ALTER TABLE usage_progress ADD COLUMN touched INTEGER;

-- Jobs that lived for longer than a week: what crosses the end of a time is found without looking at all that came after.
CREATE INDEX job_long ON job (cluster, time_end, time_submit) WHERE time_end - time_submit > 604800;

-- A user's jobs go by number, as in Slurm; by name where no number is known.
DROP INDEX job_user;
CREATE INDEX job_uid ON job (uid, user, time_end);
