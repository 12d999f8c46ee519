//! The core in a small world that goes wrong in every way: nodes die and come back, links break, messages are lost,
//! come twice, late and in the wrong order, the master is killed before and after its commits. After each event all
//! invariants are looked at; in the end every job must have come to its end.
//!
//! `ENLIST_SEEDS=10000` tries so many worlds; a world that fails says its seed, and `ENLIST_SEED=n` is that one again.

mod cluster;
mod invariants;
mod node;
mod random;
mod steps;
mod world;

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use world::World;

/// Worlds that a debug build tries: a few seconds.
const SEEDS: u64 = 100;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}: a number is needed")))
}

#[test]
fn every_world_keeps_its_promises() {
    if let Some(seed) = number("ENLIST_SEED") {
        return World::new(seed).live();
    }
    let seeds = number("ENLIST_SEEDS").unwrap_or(SEEDS);
    let half = seeds / 2;
    let threads = [0..half, half..seeds].map(|part| std::thread::spawn(move || live_all(part)));
    let failed: Vec<u64> = threads.into_iter().flat_map(|thread| thread.join().expect("it catches panics")).collect();
    let again = "cargo test -p enlist-scheduling --test simulator";
    assert!(failed.is_empty(), "a world failed; that world again: ENLIST_SEED={} {again}", failed[0]);
    println!("{seeds} worlds kept their promises");
}

/// The first that fails, if one does; the others stop then.
fn live_all(mut seeds: Range<u64>) -> Option<u64> {
    static STOP: AtomicBool = AtomicBool::new(false);
    let fails = |seed: &u64| {
        !STOP.load(Ordering::Relaxed) && catch_unwind(AssertUnwindSafe(|| World::new(*seed).live())).is_err()
    };
    let failed = seeds.find(fails);
    STOP.fetch_or(failed.is_some(), Ordering::Relaxed);
    failed
}
