//! The same work on several hosts at once, results handed over in the hosts' order as soon as that order allows.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

/// Work ended in a panic, which is a fault of this program: what it said.
#[derive(Debug)]
pub struct Panicked(String);

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Box<dyn Any + Send>> for Panicked {
    fn from(said: Box<dyn Any + Send>) -> Self {
        let text = said.downcast_ref::<&str>().map(|text| (*text).to_owned());
        Self(text.or_else(|| said.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it does not say why".into()))
    }
}

/// Does `work`; a panic in it is a result, so that it costs one host and not the run. What other hosts share with it
/// (links, compiled templates) is kept whole by its own locks.
pub fn caught<R>(work: impl FnOnce() -> R) -> Result<R, Panicked> {
    catch_unwind(AssertUnwindSafe(work)).map_err(Panicked::from)
}

/// Runs `work` for every item on at most `workers` threads; `done` gets each result on the calling thread, in the
/// items' order, as soon as all before it are there.
pub fn in_order<T: Sync, R: Send>(
    items: &[T],
    workers: usize,
    work: impl Fn(&T) -> R + Sync,
    mut done: impl FnMut(&T, R),
) {
    if items.len() <= 1 {
        items.iter().for_each(|item| done(item, work(item)));
        return;
    }
    let next = AtomicUsize::new(0);
    let (sender, results) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..workers.clamp(1, items.len()) {
            let (sender, next, work) = (sender.clone(), &next, &work);
            scope.spawn(move || {
                while let Some((index, item)) = { Some(next.fetch_add(1, Ordering::Relaxed)) }
                    .and_then(|index| items.get(index).map(|item| (index, item)))
                {
                    if sender.send((index, work(item))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let mut waiting: Vec<Option<R>> = items.iter().map(|_| None).collect();
        let mut printed = 0;
        for (index, result) in results {
            waiting[index] = Some(result);
            while let Some(result) = waiting.get_mut(printed).and_then(Option::take) {
                done(&items[printed], result);
                printed += 1;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order() {
        let items: Vec<u64> = (0..20).collect();
        let mut seen = Vec::new();
        let work = |n: &u64| {
            std::thread::sleep(std::time::Duration::from_millis((20 - n) / 4));
            n * 2
        };
        in_order(&items, 8, work, |n, doubled| seen.push((*n, doubled)));
        assert_eq!(seen, items.iter().map(|n| (*n, n * 2)).collect::<Vec<_>>());
    }

    #[test]
    fn a_panic_says_why() {
        assert_eq!(caught(|| 1).unwrap(), 1);
        let number = 7;
        assert_eq!(
            caught(|| panic!("number {number} is broken")).map_err(|why| why.to_string()),
            Err::<(), _>("number 7 is broken".into())
        );
    }
}
