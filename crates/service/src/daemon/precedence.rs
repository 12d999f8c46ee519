//! Threads that work for callers stand back for those that accept, answer health checks and write; and these come before
//! what users run on the same host.

use std::cell::Cell;

/// The nice value of threads that work for callers, unless the service itself was started with a higher one.
const NICE: i32 = 10;

/// How far threads that accept and answer stand before the other programs of the host. Ten users who send all they can
/// have forty threads of their own that want to run, too.
const FORWARD: i32 = 10;

thread_local! {
    static IS_FORWARD: Cell<bool> = const { Cell::new(false) };
}

/// What the service was started with: what its threads have that neither come forward nor stand back.
#[derive(Clone, Copy)]
pub struct Precedence(i32);

impl Precedence {
    /// Of the calling thread. A kernel that does not say it is taken to have begun at 0.
    pub fn of_this_thread() -> Self {
        Self(rustix::process::getpriority_process(None).unwrap_or(0))
    }

    /// A thread has the nice value of the thread that made it; this takes a new one back to where the service began.
    pub fn begin(self) {
        if let Err(error) = rustix::process::setpriority_process(None, self.0) {
            tracing::debug!(%error, "a thread keeps the precedence of the one that made it");
        }
    }

    /// From now on this thread comes before the other programs of the host. Only the privileged may do this: the threads
    /// of anybody else's service go on as they are.
    pub fn come_forward(self) {
        if IS_FORWARD.replace(true) {
            return;
        }
        if let Err(error) = rustix::process::setpriority_process(None, self.0 - FORWARD) {
            tracing::debug!(%error, "threads that answer have no precedence");
        }
    }
}

thread_local! {
    static STANDS_BACK: Cell<bool> = const { Cell::new(false) };
}

/// From now on this thread stands back: Linux keeps a nice value for each thread (`sched(7)`, "The nice value"), and for
/// good, since only the privileged may lower it again. That it cannot is logged once a thread; the work is done
/// nevertheless.
pub fn stand_back() {
    if STANDS_BACK.replace(true) {
        return;
    }
    let raised = rustix::process::getpriority_process(None)
        .and_then(|nice| rustix::process::setpriority_process(None, nice.max(NICE)));
    if let Err(error) = raised {
        tracing::warn!(%error, "a thread that works for callers cannot stand back");
    }
}

#[cfg(test)]
mod tests {
    use super::{FORWARD, NICE, Precedence, stand_back};
    use rustix::process::{getpriority_process, setpriority_process};

    /// What the calling thread has, as the kernel tells others about it.
    fn nice() -> i32 {
        getpriority_process(None).unwrap()
    }

    #[test]
    fn what_answers_comes_forward_and_what_it_starts_does_not() {
        let (began, may) = (Precedence::of_this_thread(), rustix::process::geteuid().is_root());
        let told = std::thread::spawn(move || {
            began.come_forward();
            let forward = nice();
            let started = std::thread::spawn(move || {
                began.begin();
                nice()
            });
            (forward, started.join().unwrap())
        });
        let here = nice();
        assert_eq!(told.join().unwrap(), (if may { here - FORWARD } else { here }, here));
    }

    #[test]
    fn it_is_this_thread_alone_and_never_forward() {
        let before = nice();
        let niced = std::thread::spawn(|| {
            stand_back();
            nice()
        });
        assert_eq!((niced.join().unwrap(), nice()), (before.max(NICE), before));
        let further_back = std::thread::spawn(|| {
            setpriority_process(None, NICE + 5).unwrap();
            stand_back();
            nice()
        });
        assert_eq!(further_back.join().unwrap(), NICE + 5);
    }
}
