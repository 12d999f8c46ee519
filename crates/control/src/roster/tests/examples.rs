//! The rosters of the documentation are rosters.

use super::*;

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
    let roster = read(&example).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!((roster.users.len(), roster.guards.max_removals), (2, 5));
}

#[test]
fn the_reference_roster_is_taken() {
    read(include_str!("../../../../../inventories/reference/roster.yml"))
        .unwrap_or_else(|problems| panic!("{problems}"));
}

#[test]
fn the_readmes_examples_are_taken() {
    for readme in [include_str!("../../../../../README.md"), include_str!("../../../../../README.ko.md")] {
        let (_, rest) = readme.split_once("    # roster.yml\n").unwrap();
        let (example, _) = rest.split_once("\n\n").unwrap();
        let lines = example.lines().map(|line| line.strip_prefix("    ").unwrap());
        let example = lines.collect::<Vec<_>>().join("\n").replace("ssh-ed25519 AAAA… gildong@laptop", KEY);
        let roster = read(&example).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(*roster.user("gildong").unwrap().uid, 2001);
    }
}
