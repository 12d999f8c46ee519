//! The order of rows (squeue(1), "--sort").

use crate::job::JobFacts;
use std::cmp::{Ordering, Reverse};

/// Puts jobs in the order of these letters, the first one above all; `-` before a letter turns it round. Gives back a complaint
/// about a letter that is none.
pub fn sort(jobs: &mut [JobFacts], order: &str) -> Option<String> {
    let mut keys = Vec::new();
    let mut is_reverse = false;
    let mut bad = None;
    for letter in order.chars() {
        match letter {
            '-' => is_reverse = true,
            '+' => is_reverse = false,
            ',' => {}
            _ => {
                match compare(letter) {
                    Some(compare) => keys.push((compare, is_reverse)),
                    None => bad = Some(letter),
                }
                is_reverse = false;
            }
        }
    }
    // Among equals the newest come first.
    jobs.sort_by_key(|it| Reverse(it.job.id));
    for (compare, is_reverse) in keys.into_iter().rev() {
        jobs.sort_by(|a, b| if is_reverse { compare(b, a) } else { compare(a, b) });
    }
    bad.map(|letter| format!("squeue: error: Invalid sort specification: {letter}\n"))
}

type Compare = fn(&JobFacts, &JobFacts) -> Ordering;

fn compare(letter: char) -> Option<Compare> {
    let compare: Compare = match letter {
        'b' => |a, b| a.devices().cmp(&b.devices()),
        'c' => |a, b| a.least_cpus().cmp(&b.least_cpus()),
        'C' => |a, b| a.cpus().cmp(&b.cpus()),
        'd' | 'h' | 'n' | 'O' | 'v' | 'X' | 'Y' => |_, _| Ordering::Equal,
        'D' => |a, b| a.node_count().cmp(&b.node_count()),
        'e' => |a, b| a.end().cmp(&b.end()),
        'f' => |a, b| features(a).cmp(&features(b)),
        'i' => |a, b| (a.array(), a.first_task()).cmp(&(b.array(), b.first_task())),
        'F' => |a, b| a.array().cmp(&b.array()),
        'A' => |a, b| a.job.id.cmp(&b.job.id),
        'g' => |a, b| a.group().cmp(&b.group()),
        'G' => |a, b| a.job.submission.user.gid.cmp(&b.job.submission.user.gid),
        'j' => |a, b| a.job.submission.name.cmp(&b.job.submission.name),
        'l' => |a, b| endless_last(a.minutes()).cmp(&endless_last(b.minutes())),
        'L' => |a, b| left(a).cmp(&left(b)),
        'm' => |a, b| a.least_memory().cmp(&b.least_memory()),
        'M' => |a, b| a.elapsed().cmp(&b.elapsed()),
        'N' | 'R' => |a, b| a.nodes().cmp(&b.nodes()),
        'p' => |a, b| a.priority().cmp(&b.priority()),
        'Q' => |a, b| a.priority().cmp(&b.priority()),
        'P' => |a, b| a.partition().cmp(&b.partition()),
        'S' => |a, b| endless_last(a.start()).cmp(&endless_last(b.start())),
        't' => |a, b| a.state().cmp(&b.state()),
        'T' => |a, b| a.state_name().cmp(b.state_name()),
        'u' => |a, b| a.job.submission.user.name.cmp(&b.job.submission.user.name),
        'U' => |a, b| a.job.submission.user.uid.cmp(&b.job.submission.user.uid),
        'V' => |a, b| a.job.submit.cmp(&b.job.submit),
        _ => return None,
    };
    Some(compare)
}

/// Nothing comes behind everything.
fn endless_last<T>(value: Option<T>) -> (bool, Option<T>) {
    (value.is_none(), value)
}

fn features(it: &JobFacts) -> String {
    it.job.submission.demand.features.to_string()
}

fn left(it: &JobFacts) -> (bool, Option<u64>) {
    endless_last(it.minutes().map(|minutes| (u64::from(minutes) * 60).saturating_sub(it.elapsed())))
}
