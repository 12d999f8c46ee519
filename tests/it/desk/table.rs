//! People from a table, lists of people, and logins that are proposed. No host is needed.

use super::KEY;
use crate::support::{Ran, enlist_path, run};
use std::path::PathBuf;
use std::process::Command;

const ROSTER: &str = "scheduler: m\ngroups:\n  ai: {gid: 3001}\n  gpu: {gid: 3002}\nusers:\n  kim: {uid: 2001, group: ai}\n\
    accounts:\n  lab: {users: [kim]}\n  class: {}\n";

/// A directory with a roster of its own; it goes with the test.
struct Desk(PathBuf);

impl Desk {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("enlist-table-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        let desk = Self(path);
        desk.put("roster.yml", ROSTER);
        desk
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.0.join(name), content).unwrap();
    }

    fn roster(&self) -> String {
        std::fs::read_to_string(self.0.join("roster.yml")).unwrap()
    }

    fn enlist(&self, words: &[&str]) -> Ran {
        run(Command::new(enlist_path()).current_dir(&self.0).args(words), "")
    }

    fn import(&self, table: &str, more: &[&str]) -> Ran {
        self.put("class.csv", table);
        self.enlist(&[&["user", "import", "--csv", "class.csv"], more].concat())
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn good_rows_come_in_and_bad_ones_are_named() {
    let desk = Desk::new("rows");
    let other = KEY.replacen("IAEC", "IAFC", 1);
    let table = format!(
        "\u{feff}login,name,uid,group,groups,account,gpu,key,expires\r\n\
         ,홍길동,2100,ai,gpu,class;lab,2,\"{KEY} a@b\r\n{other} c@d\",2027-03-01\r\n\
         lee,이,20x0,ai,,,,,\r\n\
         park,박,2102,nogroup,,,,,\r\n\
         kim,,2001,ai,,class,,,\r\n\
         choi,최,2103,ai,,,,,\r\n\
         jung,정,2103,ai,,,,,\r\n\
         two,fields\r\n\
         ,洪吉童,2105,ai,,,,,\r\n"
    );
    let told = desk.import(&table, &[]).code(3);
    let roster = desk.roster();
    for written in ["  gildong:", "comment: 홍길동", "groups: [gpu]", "gres/gpu=2", "expires: 2027-03-01", "  choi:"]
    {
        assert!(roster.contains(written), "{written} is not in {roster}");
    }
    assert_eq!(roster.matches("ssh-ed25519").count(), 2, "{roster}");
    assert!(!roster.contains("jung") && !roster.contains("park") && !roster.contains("lee"), "{roster}");
    for said in [
        "class.csv:4: `uid` must be a whole number, not '20x0'",
        "class.csv:5: ",
        "class.csv:6: `kim` is in the roster already, and not as wanted",
        "or --update changes all who are there already",
        "class.csv:8: uid 2103 belongs to `choi` already",
        "class.csv:9: 2 fields, and the head line has 9",
        "class.csv:10: there is no rule that makes a login of the name '洪吉童'",
    ] {
        assert!(told.stderr.contains(said), "{said} is not in {}", told.stderr);
    }
    assert!(told.stdout.contains("+  choi:"), "the diff is shown: {}", told.stdout);

    let again = desk.import(&table, &["--json", "--update"]).code(3);
    let again: serde_json::Value = serde_json::from_str(&again.stdout).unwrap();
    let results: Vec<_> = again["rows"].as_array().unwrap().iter().map(|row| row["result"].as_str().unwrap()).collect();
    assert_eq!(results, ["same", "refused", "refused", "changed", "same", "refused", "refused", "refused"], "{again}");
    assert_eq!((&again["rows"][0]["user"], &again["rows"][0]["line"]), (&"gildong".into(), &2.into()), "{again}");
    assert!(desk.import(&table, &["--json", "--update"]).code(3).stdout.contains("\"changed\":false"));
}

#[test]
fn nothing_is_written_by_check_nor_for_a_table_without_one_good_row() {
    let desk = Desk::new("check");
    let table = "login,uid,group\nlee,2100,ai\n";
    let shown = desk.import(table, &["--check"]).ok().stdout;
    assert!(shown.contains("+  lee:"), "{shown}");
    assert_eq!(desk.roster(), ROSTER);
    for (table, said) in [
        ("login,uid,group\nlee,2001,ai\n", "class.csv:2: uid 2001 belongs to `kim` already"),
        ("login;uid;group\nlee;2100;ai\n", "save the table with commas"),
        ("login,uid,gruop\n", "did you mean `group`?"),
        ("login,uid,uid\n", "the column `uid` is there twice"),
        ("uid,group\n", "neither a column `login` nor a column `name`"),
        ("", "has no head line"),
        ("login,uid,group\n\"lee,2100,ai\n", "class.csv:2: a quote is opened and never closed"),
    ] {
        let refused = desk.import(table, &[]).code(1).stderr;
        assert!(refused.contains(said), "{said} is not in {refused}");
        assert_eq!(desk.roster(), ROSTER, "{table}");
    }
    desk.put("korean.csv", b"login,name\nlee,\xc0\xcc\xbc\xf8\xbd\xc5\n");
    let refused = desk.enlist(&["user", "import", "--csv", "korean.csv"]).code(1).stderr;
    assert!(refused.contains("iconv -f CP949 -t UTF-8 korean.csv"), "{refused}");
}

#[test]
fn two_rows_of_one_name_need_something_to_tell_them_apart() {
    let desk = Desk::new("namesakes");
    let told = desk.import("name,uid,group\n김민수,2100,ai\n김민수,2101,ai\n", &[]).ok();
    assert!(desk.roster().contains("  minsu:") && desk.roster().contains("  mkim:"), "{told:?}");
    let before = desk.roster();
    desk.import("name,uid,group\n김민수,2100,ai\n김민수,2101,ai\n", &[]).ok();
    assert_eq!(desk.roster(), before, "the same table gives the same people");
    let refused = desk.import("name,group\n박하나,ai\n박하나,ai\n", &["--check"]).code(1).stderr;
    assert!(refused.contains("class.csv:3: a row before has the name '박하나', too"), "{refused}");
    let refused = desk.import("name,group\n김민수,ai\n", &["--update"]).code(1).stderr;
    assert!(
        refused.contains("the name '김민수' is that of somebody in the roster") && refused.contains("`minsu` at"),
        "{refused}"
    );
    assert_eq!(desk.roster(), before);
}

/// A name alone gives nobody the account of somebody else who has or had that name.
#[test]
fn a_namesake_gets_no_account_of_another() {
    let desk = Desk::new("namesake");
    let person = |more: &str| {
        desk.put(
            "roster.yml",
            ROSTER
                .replace("group: ai}", &format!("group: ai, comment: 김민수{more}}}"))
                .replace("users: [kim]", "users: []"),
        );
    };
    let table = format!("name,group,key\n김민수,ai,{KEY} new@x\n");
    for state in [", state: absent", ""] {
        person(state);
        let before = desk.roster();
        for more in [&[][..], &["--update"]] {
            let refused = desk.import(&table, more).code(1).stderr;
            assert!(refused.contains("class.csv:2: the name '김민수' is that of somebody in the roster"), "{refused}");
            assert_eq!(desk.roster(), before, "{state}");
        }
    }
    person("");
    desk.import("name,group\n김민수,ai\n", &[]).ok();
    person(", state: absent");
    let before = desk.roster();
    let refused = desk.import("login,name,group\nkim,김민수,ai\n", &["--update"]).code(1).stderr;
    assert!(refused.contains("`kim` was here before, with uid 2001") || refused.contains("absent"), "{refused}");
    assert_eq!(desk.roster(), before, "a login alone takes nobody back");
    let refused = desk.enlist(&["user", "add", "kim", "--group", "ai"]).code(1).stderr;
    assert!(refused.contains("`kim` was here before, with uid 2001"), "{refused}");
    desk.import("login,name,uid,group\nkim,김민수,2001,ai\n", &[]).ok();
    assert!(!desk.roster().contains("absent"), "{}", desk.roster());
}

#[test]
fn a_table_reads_no_files_of_this_machine() {
    let desk = Desk::new("cells");
    desk.put("secret", "token-of-somebody\n");
    desk.put("other.pub", format!("{KEY} admin@desk\n"));
    for file in ["secret", "other.pub"] {
        let told = desk.import(&format!("login,uid,group,key\nlee,2100,ai,@{file}\n"), &["--json"]).code(1);
        let said = told.stdout + &told.stderr;
        assert!(said.contains("a table names no files"), "{said}");
        assert!(!said.contains("token-of-somebody") && !said.contains("AAAAC3") && !said.contains(file), "{said}");
    }
    assert_eq!(desk.roster(), ROSTER);
}

#[test]
fn words_of_welcome_replace_nothing_and_stop_everything_when_they_cannot_be_made() {
    let desk = Desk::new("welcome");
    desk.put("hosts.ini", "[m]\nh1\n");
    let add = |login: &str, uid: &str, more: &[&str]| {
        desk.enlist(&[&["user", "add", login, "--uid", uid, "--group", "ai", "-i", "hosts.ini"], more].concat())
    };
    let refused = add("lee", "2100", &["--welcome", "roster.yml"]).code(1).stderr;
    assert!(refused.contains("is there already, and says something else"), "{refused}");
    assert_eq!(desk.roster(), ROSTER);
    std::fs::create_dir(desk.0.join("templates")).unwrap();
    desk.put("templates/welcome.txt.j2", "{{ no_such }}\n");
    let refused = add("lee", "2100", &["--welcome", "lee.txt"]).code(1).stderr;
    assert!(refused.contains("'no_such' is undefined"), "{refused}");
    assert_eq!(desk.roster(), ROSTER, "nothing was written for a letter that cannot be made");
    desk.put("templates/welcome.txt.j2", "Hi {{ user_id }}\n");
    let table = "login,uid,group\nlee,2100,ai\npark,2101,ai\n";
    let refused = desk.import(table, &["-i", "hosts.ini", "--welcome", "all.txt"]).code(1).stderr;
    assert!(refused.contains("there are several people to welcome"), "{refused}");
    assert_eq!(desk.roster(), ROSTER);
    std::fs::create_dir(desk.0.join("letters")).unwrap();
    desk.import(table, &["-i", "hosts.ini", "--welcome", "letters"]).ok();
    let letter = |login: &str| std::fs::read_to_string(desk.0.join("letters").join(format!("{login}.txt"))).unwrap();
    assert_eq!((letter("lee"), letter("park")), ("Hi lee\n".to_owned(), "Hi park\n".to_owned()));
    desk.import(table, &["-i", "hosts.ini", "--welcome", "letters"]).ok();
}

#[test]
fn a_class_of_two_hundred_comes_in_by_one_table() {
    let desk = Desk::new("class");
    let rows: String = (0..200).map(|n| format!("s{n},학생 {n},{},ai,class\n", 5000 + n)).collect();
    desk.import(&format!("login,name,uid,group,account\n{rows}"), &[]).ok();
    let listed = desk.enlist(&["user", "list", "--account", "class", "--json"]).ok().stdout;
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 200);
    desk.enlist(&["roster", "check"]).ok();
}

#[test]
fn people_are_listed_by_group_account_and_state() {
    let desk = Desk::new("list");
    desk.enlist(&["user", "add", "lee", "--uid", "2002", "--group", "gpu", "--name", "이순신"]).ok();
    desk.enlist(&["user", "add", "hong", "--uid", "2003", "--group", "ai", "--groups", "gpu", "--account", "lab"]).ok();
    desk.enlist(&["user", "suspend", "lee"]).ok();
    desk.enlist(&["user", "remove", "kim"]).ok();
    let all = desk.enlist(&["user", "list"]).ok().stdout;
    assert_eq!(
        all,
        "LOGIN  UID   GROUP  STATE      ACCOUNTS  NAME\nkim    2001  ai     absent\nlee    2002  gpu    suspended            이순신\nhong   2003  ai     active     lab\n"
    );
    let names = |words: &[&str]| {
        let listed = desk.enlist(&[&["user", "list", "--json"], words].concat()).ok().stdout;
        let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
        let users = listed.as_array().unwrap().iter().map(|user| user["user"].as_str().unwrap().to_owned());
        users.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(&["--group", "gpu"]), "lee hong");
    assert_eq!(names(&["--account", "lab"]), "hong");
    assert_eq!(names(&["--state", "absent"]), "kim");
    assert_eq!(names(&["--state", "suspended", "--group", "ai"]), "");
    desk.enlist(&["user", "resume", "lee"]).ok();
    assert_eq!(names(&["--state", "active"]), "lee hong");
}

#[test]
fn a_login_is_proposed_by_a_rule_that_is_shown() {
    let desk = Desk::new("propose");
    let add = |more: &[&str]| desk.enlist(&[&["user", "add", "--uid", "2300", "--group", "ai"], more].concat());
    let refused = add(&["--name", "홍길동"]).code(1).stderr;
    for said in
        ["the given name; the first letter of it and the surname", "gildong  free", "enlist user add gildong --name"]
    {
        assert!(refused.contains(said), "{said} is not in {refused}");
    }
    assert_eq!(desk.roster(), ROSTER);
    add(&["--name", "홍길동", "--yes"]).ok();
    assert!(desk.roster().contains("  gildong:") && desk.roster().contains("comment: 홍길동"), "{}", desk.roster());
    let refused = add(&["--name", "허길동"]).code(1).stderr;
    assert!(refused.contains("roster.yml:") && refused.contains("gheo") && refused.contains("free"), "{refused}");
    assert!(add(&[]).code(1).stderr.contains("whom to add is not said"));
    assert!(add(&["--name", "Zoë"]).code(1).stderr.contains("there is no rule"));
}
