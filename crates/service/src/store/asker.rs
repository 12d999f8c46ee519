//! [`Asker`]: whether anybody still waits for what a thread does.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

thread_local! {
    static SERVED: RefCell<Asker> = RefCell::default();
}

/// Who asked for something; a copy is the same one. Reading for somebody who has left ends early, as SQLite's
/// interruption; what is written goes on.
#[derive(Clone, Debug, Default)]
pub struct Asker(Arc<AtomicBool>);

impl Asker {
    /// The one whom this thread serves; where it serves none, one that stays.
    pub fn here() -> Self {
        SERVED.with_borrow(Clone::clone)
    }

    /// Says that nobody waits any more.
    pub fn leave(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether nobody waits any more.
    pub fn has_left(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Does something for this one, on this thread.
    pub fn serve<T>(&self, work: impl FnOnce() -> T) -> T {
        let _before = Before(SERVED.replace(self.clone()));
        work()
    }
}

/// Whom the thread served before; it does again when this is dropped, by a panic too.
struct Before(Asker);

impl Drop for Before {
    fn drop(&mut self) {
        SERVED.set(std::mem::take(&mut self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_serves_one_after_another() {
        let (outer, inner) = (Asker::default(), Asker::default());
        outer.serve(|| {
            let panicked = std::panic::catch_unwind(|| {
                inner.serve(|| {
                    Asker::here().leave();
                    panic!("as a test does")
                })
            });
            assert!(panicked.is_err() && inner.has_left() && !Asker::here().has_left());
            Asker::here().leave();
        });
        assert!(outer.has_left() && !Asker::here().has_left());
    }
}
