//! How a scheduler's accounting is seen and changed: from its master, by the one interface that the built-in service and
//! real Slurm share (docs/decisions.md, 8).
//!
//! A change is looked at, written and verified: [`Books`] are what `sacctmgr show` lists of the names in question; a
//! [`Write`] is one command that changes them, with as many names as it fits; [`write_all`] runs as few commands as that
//! takes. Whether something was done is read from the books, since exit codes and messages differ between releases.
//!
//! What is here speaks to a host through [`crate::system::System`], so it works in the agent, in a dry run (the built-in
//! service rehearses; for real Slurm the books foretell) and on a fake.

mod jobs;
mod listing;
mod sacctmgr;
mod write;

pub use jobs::{JobOrder, JobStage, JobsByUser, JobsOfLeavers, ListedJob, jobs_of, list_of_jobs, no_jobs, read_jobs};
pub use listing::{Books, Interest, ListedKey, ListedRow, ListedUser};
pub use sacctmgr::{check_text, check_word, write_all};
pub use write::{BookEntity, BookVerb, Write};
