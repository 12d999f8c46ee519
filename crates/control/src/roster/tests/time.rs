//! States, days, projects and courses.

use super::*;
use crate::roster::calendar::calendar;
use crate::roster::files::RosterFiles;
use jiff::civil::{Date, date};

/// The roster of a text as of a day.
fn at(text: &str, day: Date) -> Roster {
    let files = RosterFiles::of(&Source::new("roster.yml", text)).unwrap();
    load_files(&files, day).unwrap_or_else(|problems| panic!("{}", problems[0]))
}

#[test]
fn a_person_stands_as_the_day_says() {
    let text = users("  kim: {uid: 2001, group: ai, starts: 2027-03-01, ends: 2027-07-01, after_end: archived}\n");
    let standing = |day| at(&text, day).users[0].standing;
    let days = [date(2027, 2, 28), date(2027, 3, 1), date(2027, 6, 30), date(2027, 7, 1)].map(standing);
    let expected = [PersonState::Upcoming, PersonState::Active, PersonState::Active, PersonState::Archived];
    assert_eq!(days, expected);
}

#[test]
fn days_and_states_that_cannot_be_meant() {
    for (fields, says) in [
        ("starts: 2027-3-1", "`starts` must be a day, not '2027-3-1'"),
        ("starts: 2027-02-30", "`starts` must be a day"),
        ("ends: 2027-07-01T12:00", "`ends` must be a day"),
        ("starts: 2027-07-01, ends: 2027-07-01", "`ends` is 2027-07-01, and `starts` is 2027-07-01"),
        ("state: suspendet", "did you mean `suspended`?"),
        ("after_end: active, ends: 2027-07-01", "`after_end` must be suspended, archived or absent"),
        ("state: active, locked: yes", "`state: active` and `locked: yes` say two things"),
        ("state: suspended, locked: no", "`state: suspended` and `locked: no` say two things"),
    ] {
        let said = read(&users(&format!("  kim: {{uid: 2001, group: ai, {fields}}}\n"))).unwrap_err();
        assert!(said.contains(says), "{says} is not in:\n{said}");
    }
}

#[test]
fn a_roster_does_not_become_wrong_by_and_by() {
    let text = users("  kim: {uid: 2001, group: ai, ends: 2027-07-01, after_end: absent, default_account: p}\n")
        + "scheduler: m\naccounts:\n  p: {users: [kim], coordinators: [kim]}\n";
    assert_eq!(at(&text, date(2027, 6, 30)).users[0].standing, PersonState::Active);
    assert_eq!(at(&text, date(2027, 7, 1)).users[0].standing, PersonState::Absent);
}

/// A course in a file of its own directory, with members as CSV.
fn course(csv: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let text = "scheduler: m\ngroups: {ai: {gid: 3001}, students: {gid: 3002}, gpu: {gid: 3003}}\n\
                users:\n  kim: {uid: 2001, group: ai}\n\
                accounts: {ml: {}}\n\
                courses:\n  ml101: {starts: 2027-03-01, ends: 2027-07-01, members: ml101.csv, group: students, \
                groups: [gpu], accounts: [ml], manager: lee}\n";
    let path = directory.path().join("roster.yml");
    std::fs::write(&path, text).unwrap();
    std::fs::write(directory.path().join("ml101.csv"), csv).unwrap();
    (directory, path)
}

const CLASS: &str = "\u{feff}login,uid,name,starts,ends,private_id\nkim,,,,,\nhong,4001,\"홍, 길동\",,,2027-0001\n\
                     park,4002,박,2027-04-01,2027-05-01,\n";

fn members(roster: &Roster) -> Vec<(&str, State)> {
    roster.account("ml").unwrap().users.iter().map(|member| (member.user.as_str(), member.state)).collect()
}

#[test]
fn a_course_brings_people_and_takes_them_away() {
    let (_directory, path) = course(CLASS);
    let files = || RosterFiles::read_from(&path).unwrap();
    let on = |day| load_files(&files(), day).unwrap_or_else(|problems| panic!("{}", problems[0]));
    let before = on(date(2027, 2, 1));
    assert_eq!(before.user("hong").unwrap().standing, PersonState::Upcoming);
    assert_eq!((members(&before), before.user("kim").unwrap().groups.len()), (Vec::new(), 0));

    let term = on(date(2027, 4, 15));
    let hong = term.user("hong").unwrap();
    assert_eq!(
        (hong.comment.as_ref().unwrap().as_str(), hong.group.as_str(), *hong.uid),
        ("홍, 길동", "students", 4001)
    );
    assert_eq!(hong.manager.as_ref().unwrap().as_str(), "lee");
    assert_eq!(members(&term), [("kim", State::Present), ("hong", State::Present), ("park", State::Present)]);
    assert_eq!(term.user("kim").unwrap().groups[0].as_str(), "gpu");

    // A member with days of his own goes before the others; who is here for more stays.
    let may = on(date(2027, 5, 1));
    assert_eq!(may.user("park").unwrap().standing, PersonState::Absent);
    let after = on(date(2027, 7, 1));
    assert_eq!(after.user("hong").unwrap().standing, PersonState::Absent);
    assert_eq!(after.user("kim").unwrap().standing, PersonState::Present);
    assert_eq!(members(&after)[0], ("kim", State::Absent));
    assert!(after.user("kim").unwrap().groups.is_empty());
}

#[test]
fn tables_that_are_none_say_where() {
    for (csv, says) in [
        ("", "the table is empty"),
        ("login,matrikel\nkim,1\n", "there is no column `matrikel`"),
        ("name,uid\nkim,1\n", "the table has no column `login`"),
        ("login,login\nkim,kim\n", "the column `login` is there twice"),
        ("login,uid\nkim\n", "the line has 1 fields, and the first line 2"),
        ("login,name\nhong,\"홍\n", "a quote that is opened here is not closed"),
        ("login,uid\nhong,04001\n", "`uid` must be a whole number"),
        ("login,uid\nhong,4001x\n", "`uid` must be a whole number"),
        ("login,uid,starts\nhong,4001,2027/03/01\n", "`2027/03/01` is no day"),
        ("login,uid,key\nhong,4001,ssh-rsa\n", "this is no SSH public key of `hong`"),
        ("login,uid\nkim,2001\n", "`kim` is described in two places"),
        ("login,uid\nhong,4001\nhong,4001\n", "`hong` is described in two places"),
        ("login,uid\nhong,2001\n", "uid 2001 belongs to `kim` already"),
    ] {
        let (_directory, path) = course(csv);
        let problems = load_files(&RosterFiles::read_from(&path).unwrap(), date(2027, 4, 1)).unwrap_err();
        let said = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert!(said.contains(says), "{csv}: {says} is not in:\n{said}");
        assert!(!said.contains("Internal"), "{said}");
    }
}

#[test]
fn the_calendar_has_every_day_in_order() {
    let (_directory, path) = course(CLASS);
    let roster = load_files(&RosterFiles::read_from(&path).unwrap(), date(2027, 1, 1)).unwrap();
    let lines: Vec<_> =
        calendar(&roster).iter().map(|it| format!("{} {} {} {}", it.day, it.event.word(), it.name, it.then)).collect();
    let expected = [
        "2027-03-01 starts ml101 3 members",
        "2027-03-01 starts hong active",
        "2027-04-01 starts park active",
        "2027-05-01 ends park absent",
        "2027-07-01 ends ml101 3 members",
        "2027-07-01 ends hong absent",
    ];
    assert_eq!(lines, expected);
}

/// No day makes a roster wrong: else nobody would be kept out from midnight on.
#[test]
fn a_roster_is_right_on_every_day() {
    let (_directory, path) = course(CLASS);
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text.replace("{uid: 2001, group: ai}", "{uid: 2001, group: ai, default_account: ml}");
    std::fs::write(&path, text + "defaults: {default_account: ml, after_end: archived}\n").unwrap();
    for day in [(2027, 1, 1), (2027, 2, 28), (2027, 3, 1), (2027, 4, 1), (2027, 5, 1), (2027, 6, 30), (2027, 7, 1)] {
        let day = date(day.0, day.1, day.2);
        load_files(&RosterFiles::read_from(&path).unwrap(), day).unwrap_or_else(|all| panic!("{day}: {}", all[0]));
    }
}

/// What is private or a password is not shown, whatever is wrong beside it.
#[test]
fn lines_with_secrets_are_not_shown() {
    for entry in [
        "kim: {uid: 2001, group: ai, shel: /bin/sh, private: {phone: 010-1234-5678}}",
        "kim: {uid: 2001, group: none, private: {phone: 010-1234-5678}}",
        "kim: {uid: 2001, group: ai, pasword: 010-1234-5678}",
        "kim:\n    uid: 2001\n    group: ai\n    private:\n      phone: 010-1234-5678\n    shell: 5",
    ] {
        let said = read(&users(&format!("  {entry}\n"))).unwrap_err();
        assert!(!said.contains("010-1234-5678"), "{said}");
        assert!(said.contains("roster.yml:"), "the place is said: {said}");
    }
    let (_directory, path) = course("login,uid,private_phone\nhong,2001,010-1234-5678\n");
    let problems = load_files(&RosterFiles::read_from(&path).unwrap(), date(2027, 4, 1)).unwrap_err();
    let said = problems.iter().map(ToString::to_string).collect::<String>();
    assert!(said.contains("uid 2001 belongs to `kim` already") && !said.contains("010-1234-5678"), "{said}");
}
