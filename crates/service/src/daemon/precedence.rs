//! Threads that work for callers stand back for those that accept, answer health checks and write.

use std::cell::Cell;

/// The nice value of threads that work for callers, unless the service itself was started with a higher one.
const NICE: i32 = 10;

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
    use super::{NICE, stand_back};
    use rustix::process::{getpriority_process, setpriority_process};

    /// What the calling thread has, as the kernel tells others about it.
    fn nice() -> i32 {
        getpriority_process(None).unwrap()
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
