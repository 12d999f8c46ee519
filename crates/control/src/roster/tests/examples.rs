//! The rosters of the documentation are rosters, for the reader and for the schema.

use super::*;
use crate::roster::schema::{judge::faults, schema};

/// What the schema has against a text that the reader takes.
fn against_schema(text: &str) -> Vec<String> {
    let tree = crate::yaml::parse_one(&Source::new("roster.yml", text)).unwrap().unwrap();
    let value = serde_json::from_str(&tree.to_value().to_json_line(false)).unwrap();
    faults(&schema(), &value, "")
}

#[track_caller]
fn is_taken(text: &str) -> Roster {
    assert_eq!(against_schema(text), [""; 0], "{text}");
    read(text).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn the_schema_refuses_what_is_no_field() {
    for (text, says) in [
        ("users: {kim: {uid: 2001, gruop: ai}}", "/users/kim/gruop: no such field"),
        ("users: {kim: {state: gone}}", "/users/kim/state: enum"),
        ("users: {kim: {starts: tomorrow}}", "/users/kim/starts: pattern"),
        ("accounts: {p: {limits: {MaxJob: 1}}}", "/accounts/p/limits/MaxJob: no such name"),
        ("groups: {ai: {gid: -1}}", "/groups/ai/gid: out of range"),
        ("leavers: {jobs: cancel after lunch}", "/leavers/jobs: pattern"),
    ] {
        let found = against_schema(text);
        assert!(found.len() == 1 && found[0].starts_with(says), "{text}: {found:?}");
    }
}

#[test]
fn every_roster_of_the_guides_is_taken() {
    let guides = [
        include_str!("../../../../../docs/roster.md"),
        include_str!("../../../../../docs/directories.md"),
        include_str!("../../../../../docs/migration.md"),
    ];
    let mut count = 0;
    for guide in guides {
        for block in guide.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()) {
            if !["users:", "groups:", "directories:", "guards:"].iter().any(|section| block.contains(section)) {
                continue;
            }
            count += 1;
            assert_eq!(against_schema(block), [""; 0], "{block}");
        }
    }
    assert!(count > 3, "the guides have rosters: {count}");
}

#[test]
fn the_guide_lists_every_check() {
    let guide = include_str!("../../../../../docs/roster.md");
    for check in CHECKS {
        assert!(guide.contains(&format!("| {} | {} |", check.name, check.demands)), "{}", check.name);
    }
}

#[test]
fn the_guides_example_is_taken() {
    let guide = include_str!("../../../../../docs/roster.md");
    let (_, rest) = guide.split_once("```yaml\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let key = |name: &str| KEY.replace("gildong@home", name);
    let example = example
        .replace("ssh-ed25519 AAAAC3Nza... gildong@laptop", &key("a"))
        .replace("ssh-ed25519 AAAAC3Nza... gildong@old-laptop", &key("b").replace("AwQF", "AwQG"));
    let roster = is_taken(&example);
    assert_eq!((roster.users.len(), roster.guards.max_removals), (2, 5));
}

#[test]
fn the_reference_roster_is_taken() {
    is_taken(include_str!("../../../../../inventories/reference/roster.yml"));
}

#[test]
fn the_readmes_examples_are_taken() {
    for readme in [include_str!("../../../../../README.md"), include_str!("../../../../../README.ko.md")] {
        let (_, rest) = readme.split_once("    # roster.yml\n").unwrap();
        let (example, _) = rest.split_once("\n\n").unwrap();
        let lines = example.lines().map(|line| line.strip_prefix("    ").unwrap());
        let example = lines.collect::<Vec<_>>().join("\n").replace("ssh-ed25519 AAAA… gildong@laptop", KEY);
        let roster = is_taken(&example);
        assert_eq!(*roster.user("gildong").unwrap().uid, 2001);
    }
}
