//! Folders of files, and the ledger of numbers.

use super::*;
use crate::roster::files::RosterFiles;
use crate::roster::ids::{as_numbered, number};
use jiff::civil::date;
use std::path::Path;

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    files.iter().for_each(|(name, text)| std::fs::write(directory.path().join(name), text).unwrap());
    directory
}

fn load_from(path: &Path) -> Result<Roster, String> {
    let said = |problems: Vec<words::diag::Diagnostic>| {
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n\n")
    };
    let files = RosterFiles::read_from(path).map_err(said)?;
    load_files(&files, date(2027, 1, 1)).map_err(said)
}

#[test]
fn a_folder_is_one_roster() {
    let groups = "site: lab\ngroups:\n  ai: {gid: 3001}\n";
    let kim = "users:\n  kim: {uid: 2001, group: ai}\n";
    let lee = "users:\n  lee: {uid: 2002, group: ai}\n";
    let directory = folder(&[("groups.yml", groups), ("kim.yml", kim), ("lee.yaml", lee), (".kim.yml.swp.yml", "]")]);
    let roster = load_from(directory.path()).unwrap();
    assert_eq!((roster.users.len(), roster.site.as_deref(), roster.is_folder()), (2, Some("lab"), true));
    let edited = edit::remove(&roster, "kim").unwrap_err();
    assert!(edited[0].message.contains("only a roster of one file is edited"), "{}", edited[0]);

    std::fs::write(directory.path().join("z.yml"), format!("site: other\n{kim}")).unwrap();
    let twice = load_from(directory.path()).unwrap_err();
    for said in
        ["`kim` is written in two files", "first at", "kim.yml:2:3", "`site` is written in two files", "z.yml:1:1"]
    {
        assert!(twice.contains(said), "{said} is not in:\n{twice}");
    }
    let numbers = format!("groups:\n  bio: {{gid: 3001}}\n{}", lee.replace("lee", "park").replace("2002", "010"));
    std::fs::write(directory.path().join("z.yml"), numbers).unwrap();
    let said = load_from(directory.path()).unwrap_err();
    assert!(said.contains("z.yml:4:15") && said.contains("not 010"), "numbers are those of their own file: {said}");
    let empty = folder(&[("README.md", "")]);
    assert!(load_from(empty.path()).unwrap_err().contains("has no *.yml"));
}

const IDS: &str = "ids: {users: 20000-20003, groups: 30000-30009}\n";

fn numbered(path: &Path) -> Result<Vec<String>, String> {
    numbered_with(path, &[])
}

fn numbered_with(path: &Path, returns: &[String]) -> Result<Vec<String>, String> {
    let files = RosterFiles::read_from(path).map_err(|problems| problems[0].to_string())?;
    let numbered = number(files, date(2026, 11, 30), returns);
    let numbered = numbered.map_err(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
    use std::io::Write;
    let mut ledger = std::fs::OpenOptions::new().append(true).create(true).open(&numbered.path).unwrap();
    ledger.write_all(numbered.added.as_bytes()).unwrap();
    Ok(numbered.lines.iter().map(|line| line.trim_end().to_owned()).collect())
}

#[test]
fn numbers_are_given_once_and_for_ever() {
    let with = |users: &str| format!("{IDS}groups: {{ai: }}\nusers:\n{users}");
    let directory = folder(&[("roster.yml", &with("  kim: {group: ai}\n  lee: {uid: 20001, group: ai}\n"))]);
    let path = directory.path().join("roster.yml");
    let write = |users: &str| std::fs::write(&path, with(users)).unwrap();
    let without = load_from(&path).unwrap_err();
    assert!(without.contains("`kim` has no uid yet") && without.contains("enlist roster number"), "{without}");
    let lines = numbered(&path).unwrap();
    assert_eq!(lines, ["uid 20001 lee 2026-11-30", "gid 30000 ai 2026-11-30", "uid 20000 kim 2026-11-30"]);
    let roster = load_from(&path).unwrap();
    assert_eq!((*roster.user("kim").unwrap().uid, *roster.group("ai").unwrap().gid), (20000, 30000));
    assert_eq!(numbered(&path).unwrap(), [""; 0], "a second run gives none");

    write("  park: {group: ai}\n  lee: {uid: 20001, group: ai}\n  kim: {group: ai, state: absent}\n");
    assert_eq!(numbered(&path).unwrap(), ["uid 20002 park 2026-11-30"]);

    write("  cho: {uid: 20000, group: ai}\n");
    let reused = load_from(&path).unwrap_err();
    assert!(reused.contains("uid 20000 was given to `kim`, and `cho` cannot have it"), "{reused}");
    write("  kim: {uid: 20003, group: ai}\n");
    let changed = load_from(&path).unwrap_err();
    assert!(changed.contains("`kim` has the uid 20000 in the ledger, and 20003 here"), "{changed}");
    assert!(changed.contains("was_uid: 20000"), "{changed}");

    write("  a: {group: ai}\n  b: {group: ai}\n");
    let full = numbered(&path).unwrap_err();
    assert!(full.contains("`b` gets no number: all numbers from 20000 to 20003 have been given"), "{full}");
}

/// Whose entry was taken out is perhaps not who is called so later.
#[test]
fn who_was_gone_gets_the_number_back_by_somebodys_word_alone() {
    let with = |users: &str| format!("{IDS}groups: {{ai: {{gid: 3001}}}}\nusers:\n{users}");
    let directory = folder(&[("roster.yml", &with("  kim: {group: ai}\n  lee: {group: ai}\n"))]);
    let path = directory.path().join("roster.yml");
    let write = |users: &str| std::fs::write(&path, with(users)).unwrap();
    numbered(&path).unwrap();
    write("  lee: {group: ai}\n");
    let unnoted = load_from(&path).unwrap_err();
    assert!(unnoted.contains("`kim` of the ledger has no entry any more, and that is not noted there"), "{unnoted}");
    assert_eq!(numbered(&path).unwrap(), ["gone uid 20000 kim 2026-11-30"]);
    load_from(&path).unwrap();
    assert_eq!(numbered(&path).unwrap(), [""; 0], "a second run notes nothing");

    write("  kim: {group: ai}\n  lee: {group: ai}\n");
    for said in [load_from(&path).unwrap_err(), numbered(&path).unwrap_err()] {
        assert!(said.contains("`kim` was here before and was gone") && said.contains("--returns kim"), "{said}");
    }
    let wrong = numbered_with(&path, &["kim".into(), "lee".into()]).unwrap_err();
    assert!(wrong.contains("`lee` does not come back"), "{wrong}");
    assert_eq!(numbered_with(&path, &["kim".into()]).unwrap(), ["uid 20000 kim 2026-11-30"]);
    assert_eq!(*load_from(&path).unwrap().user("kim").unwrap().uid, 20000);

    // The number written out says it, too; and whoever is gone twice returns twice.
    write("  lee: {group: ai}\n");
    assert_eq!(numbered(&path).unwrap(), ["gone uid 20000 kim 2026-11-30"]);
    write("  kim: {uid: 20000, group: ai}\n  lee: {group: ai}\n");
    load_from(&path).unwrap();
    assert_eq!(numbered(&path).unwrap(), ["uid 20000 kim 2026-11-30"]);
    write("  kim: {group: ai}\n  lee: {group: ai}\n");
    load_from(&path).unwrap();
}

#[test]
fn somebody_new_gets_a_number_with_the_edit_and_none_of_who_was_here() {
    let text = format!("{IDS}groups: {{ai: {{gid: 3001}}}}\nusers:\n  lee: {{group: ai}}\n  kim: {{group: ai}}\n");
    let directory = folder(&[("roster.yml", text.as_str())]);
    let path = directory.path().join("roster.yml");
    numbered(&path).unwrap();
    std::fs::write(&path, text.replace("  kim: {group: ai}\n", "")).unwrap();
    numbered(&path).unwrap();
    let roster = load_from(&path).unwrap();
    let wanted = |uid| edit::Wanted { uid, group: Some("ai".into()), ..edit::Wanted::default() };
    let namesake = edit::add(&roster, "kim", &wanted(None)).unwrap_err();
    assert_eq!(namesake[0].message, "`kim` was here before, with uid 20001 in the ledger");
    let back = edit::add(&roster, "kim", &wanted(Some(20001))).unwrap();
    assert!(back.contains("kim: {uid: 20001, group: ai}") || back.contains("uid: 20001"), "{back}");
    let park = edit::add(&roster, "park", &wanted(None)).unwrap();
    assert!(!park.contains("uid:"), "the number is the ledger's: {park}");
    let source = Source::new(path.display().to_string(), park);
    let (after, given) = as_numbered(&source, date(2026, 12, 1)).unwrap();
    assert_eq!(given.unwrap().lines, ["uid 20002 park 2026-12-01\n"]);
    assert_eq!(*after.user("park").unwrap().uid, 20002);
}

#[test]
fn a_roster_in_which_nobody_has_a_number_yet() {
    let text = format!("{IDS}groups: {{ai: }}\nusers:\n  kim: {{group: ai}}\n");
    let directory = folder(&[("roster.yml", text.as_str())]);
    let path = directory.path().join("roster.yml");
    assert_eq!(numbered(&path).unwrap(), ["gid 30000 ai 2026-11-30", "uid 20000 kim 2026-11-30"]);
    load_from(&path).unwrap();
}

#[test]
fn a_number_that_changes_stays_nobody_elses() {
    let with = |users: &str| format!("{IDS}groups: {{ai: {{gid: 3001}}}}\nusers:\n{users}");
    let directory = folder(&[("roster.yml", &with("  kim: {uid: 20002, group: ai}\n"))]);
    let path = directory.path().join("roster.yml");
    let write = |users: &str| std::fs::write(&path, with(users)).unwrap();
    let unrecorded = load_from(&path).unwrap_err();
    assert!(unrecorded.contains("uid 20002 of `kim` is not in the ledger"), "{unrecorded}");
    numbered(&path).unwrap();
    load_from(&path).unwrap();
    write("  kim: {uid: 20000, was_uid: 20002, group: ai}\n");
    assert_eq!(numbered(&path).unwrap(), ["uid 20000 kim 2026-11-30"]);
    load_from(&path).unwrap();
    write("  kim: {uid: 20000, group: ai}\n");
    load_from(&path).unwrap();
    write("  kim: {group: ai}\n  a: {group: ai}\n  b: {group: ai}\n");
    assert_eq!(numbered(&path).unwrap(), ["uid 20001 a 2026-11-30", "uid 20003 b 2026-11-30"]);
    assert_eq!(*load_from(&path).unwrap().user("kim").unwrap().uid, 20000);
}

#[test]
fn ranges_of_others_are_refused() {
    for (range, says) in [
        ("500-999", "must be the first and last number, from 1000 on"),
        ("61000-62000", "cannot be given out: 61184 to 65519 belong to systemd's dynamic users"),
        ("600000-700000", "belong to containers, and subordinate ids of people"),
        ("65000-66000", "cannot be given out"),
    ] {
        let said = read(&format!("ids: {{users: {range}}}\ngroups: {{ai: {{gid: 3001}}}}\n")).unwrap_err();
        assert!(said.contains(says), "{range}: {said}");
    }
}
