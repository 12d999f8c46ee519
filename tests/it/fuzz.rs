//! What `fuzz/` fuzzes, in the small: the seeds, mixtures of them, and any bytes. `ENLIST_FUZZ_CASES=100000` does more.

#[path = "../../fuzz/targets.rs"]
mod targets;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestError, TestRunner};
use std::path::Path;

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let mut paths: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// Pieces of seeds between marks, bytes, and marks; put together anew.
fn mixture(seeds: &[Vec<u8>]) -> impl Strategy<Value = Vec<u8>> + use<> {
    let is_mark = |byte: &u8| b" \n,=|:\"{}[]+-/".contains(byte);
    let pieces: Vec<Vec<u8>> =
        seeds.iter().flat_map(|seed| seed.split_inclusive(is_mark)).map(<[u8]>::to_vec).collect();
    let piece = prop_oneof![
        12 => prop::sample::select(pieces),
        2 => prop::collection::vec(any::<u8>(), 0..4),
        2 => prop::sample::select(b" \n,=|:\"{}[]+-/-19".to_vec()).prop_map(|byte| vec![byte]),
        1 => "[a-z0-9]{0,6}".prop_map(String::into_bytes),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// A seed with some bytes changed or cut.
fn damaged(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let edits = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 0..6);
    (prop::sample::select(seeds), edits).prop_map(|(mut seed, edits)| {
        for (place, byte, kind) in edits {
            let at = place.index(seed.len() + 1);
            match kind {
                0 => seed.insert(at, byte),
                1 if at < seed.len() => seed[at] = byte,
                _ => seed.truncate(at.max(1)),
            }
        }
        seed
    })
}

#[test]
fn no_input_does_harm() {
    let cases = std::env::var("ENLIST_FUZZ_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(200);
    for (name, target) in targets::TARGETS {
        let seeds = seeds(name);
        assert!(!seeds.is_empty(), "{name} has no seeds");
        seeds.iter().for_each(|seed| targets::fuzz(name, seed));
        let input = prop_oneof![mixture(&seeds), damaged(seeds.clone()), prop::collection::vec(any::<u8>(), 0..200),];
        let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
        let ran = runner.run(&input, |bytes| {
            target(&bytes);
            Ok(())
        });
        if let Err(TestError::Fail(why, bytes)) = &ran {
            panic!("{name}: {why}: {:?}", String::from_utf8_lossy(bytes));
        }
        ran.unwrap();
    }
}

/// The crate for `cargo fuzz` has a file for each target. No test compiles these files (that takes a C++ library and
/// minutes), so all are the same line, which goes by the table that is compiled here.
#[test]
fn every_target_has_its_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    for (name, _) in targets::TARGETS {
        let file = std::fs::read_to_string(root.join(format!("fuzz_targets/{name}.rs"))).expect(name);
        assert!(file.contains("targets::fuzz(env!(\"CARGO_BIN_NAME\"), bytes)"), "{name}: {file}");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
    }
}
