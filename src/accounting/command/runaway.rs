//! `sacctmgr show runawayjobs`: jobs that the records think run and that no controller knows.

use super::condition;
use super::session::{Done, Session};
use super::word::{self, Word};

/// `show runawayjobs`. Which open jobs really run only a controller knows; without one nothing is called a runaway, as in
/// Slurm.
pub fn show(session: &mut Session, words: &[Word]) -> Done {
    let mut clusters: Option<Vec<String>> = None;
    for word in words.iter().filter(|word| !word.is_bare("where", 5) && !word.is_bare("Set", 3)) {
        if word.operator.is_none() || word.is("Cluster", 1) {
            condition::extend(session, &mut clusters, word)?;
        } else if word.is("Format", 1) {
            super::format::fields(session, &word::names(word.value).unwrap_or_default())?;
        } else {
            session.complain(format!(" Unknown condition: {}", word.raw));
        }
    }
    session.check()?;
    if !session.caller.is_operator(session.state) {
        return session.refuse("sacctmgr: error: You must have an AdminLevel>=Operator to fix runaway jobs");
    }
    let clusters = clusters.unwrap_or_else(|| vec![session.local_cluster()]);
    let [cluster] = clusters.as_slice() else {
        return session.refuse("sacctmgr: error: You can only fix runaway jobs on one cluster at a time.");
    };
    match session.world.has_open_jobs(cluster) {
        Ok(false) => session.say(format!("Runaway Jobs: No runaway jobs found on cluster {cluster}")),
        Ok(true) => {
            return session.refuse(format!(
                "sacctmgr: error: Slurmctld running on cluster {cluster} is not up, can't check running jobs"
            ));
        }
        Err(error) => return session.refuse(format!("sacctmgr: error: {error}")),
    }
    Ok(())
}
