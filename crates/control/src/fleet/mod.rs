//! The same work on several hosts at once, results handed over in the hosts' order as soon as that order allows.

mod links;

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

pub use links::Links;

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

/// Does `work`; a panic in it is a result, so that it costs one item and not the run. What other items share with it
/// (links, compiled templates) is kept whole by its own locks.
fn caught<R>(work: impl FnOnce() -> R) -> Result<R, Panicked> {
    catch_unwind(AssertUnwindSafe(work)).map_err(Panicked::from)
}

/// Runs `work` for every item on at most `workers` threads; `done` gets each result on the calling thread, in the
/// items' order, as soon as all before it are there. Work that panicked is a result, too: nobody can forget it.
pub fn in_order<T: Sync, R: Send>(
    items: &[T],
    workers: usize,
    work: impl Fn(&T) -> R + Sync,
    mut done: impl FnMut(&T, Result<R, Panicked>),
) {
    if items.len() <= 1 {
        items.iter().for_each(|item| done(item, caught(|| work(item))));
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
                    if sender.send((index, caught(|| work(item)))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let mut waiting: Vec<Option<Result<R, Panicked>>> = items.iter().map(|_| None).collect();
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
        in_order(&items, 8, work, |n, doubled| seen.push((*n, doubled.unwrap())));
        assert_eq!(seen, items.iter().map(|n| (*n, n * 2)).collect::<Vec<_>>());
    }

    #[test]
    fn a_panic_says_why_and_costs_its_item() {
        let work = |n: &u32| if *n == 7 { panic!("number {n} is broken") } else { *n };
        for items in [vec![7], vec![6, 7, 8]] {
            let mut seen = Vec::new();
            in_order(&items, 2, work, |_, result| seen.push(result.map_err(|why| why.to_string())));
            let wanted = |n: &u32| if *n == 7 { Err("number 7 is broken".to_owned()) } else { Ok(*n) };
            assert_eq!(seen, items.iter().map(wanted).collect::<Vec<_>>());
        }
    }
}
