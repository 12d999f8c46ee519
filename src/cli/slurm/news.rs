//! [`News`]: all that a command about jobs that run waits for, from its threads to the one that acts.

use super::client::Unanswered;
use super::srun::link::Link;
use compute::stream::{Frame, FrameKind};
use nix::sys::signal::Signal;
use service::daemon::api::{CreatedStep, JobStanding};
use std::process::ExitStatus;
use std::sync::mpsc::Receiver;
use std::time::Instant;

/// Something happened.
#[derive(Debug)]
pub enum News {
    /// This process got a signal.
    Signal(Signal),
    /// How the job stands.
    Standing(Result<JobStanding, Unanswered>),
    /// A step is there, or is not yet, or will not be.
    Created(Result<CreatedStep, Unanswered>),
    /// The way to a step's nodes is there, or will not be.
    Linked(Result<Link, String>),
    /// A frame came over the link of this number.
    Frame(u32, Frame),
    /// The link of this number is lost.
    Broken(u32),
    /// Bytes for the tasks; none at the end.
    Read(std::io::Result<Vec<u8>>),
    /// A task's output of this kind was written up to this place.
    Written(FrameKind, u32, u64),
    /// Nobody takes output any more.
    Unwritable(std::io::Error),
    /// The command that was started ended.
    Ended(std::io::Result<ExitStatus>),
}

/// What comes next; `None` when the time is over before.
pub fn next(news: &Receiver<News>, until: Option<Instant>) -> Option<News> {
    let Some(until) = until else { return news.recv().ok() };
    news.recv_timeout(until.saturating_duration_since(Instant::now())).ok()
}
