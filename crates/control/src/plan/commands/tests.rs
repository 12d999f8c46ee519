use super::*;
use crate::plan::Phase;
use words::value::Map;

fn step(module: &str, args: &[(&str, &str)]) -> Step {
    let args: Map = args.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
    Step { phase: Phase::Accounts, module: module.into(), args, changes: Vec::new() }
}

fn mark() -> DirectoryMark {
    let text = |text: &str| text.to_owned();
    DirectoryMark {
        server: text("ldaps://x"),
        base: text("dc=x"),
        people: text("ou=p,dc=x"),
        groups: text("ou=g,dc=x"),
    }
}

#[test]
fn people_on_hosts() {
    let made = Change::new(Action::Create, "user", "gildong").field("uid", Value::Null, 2001).field(
        "group",
        Value::Null,
        "ai (3001)",
    );
    let made = made.field("comment", Value::Null, "홍 길동; rm -rf /").field("shell", Value::Null, "/bin/bash");
    let add = "useradd -m -u 2001 -g ai -c '홍 길동; rm -rf /' -s /bin/bash gildong";
    assert_eq!(commands(&step("user", &[]), &made, None), [add]);
    let groups = |names: &[&str]| Value::List(names.iter().map(|name| Value::from(*name)).collect());
    let changed = Change::new(Action::Update, "user", "gildong").field("groups", groups(&["a"]), groups(&["a", "b"]));
    let changed = changed.field("expires", "2027-01-01", Value::Null).field("locked", false, true);
    assert_eq!(commands(&step("user", &[]), &changed, None), ["usermod -G a,b -e '' -L gildong"]);
    let gone = Change::new(Action::Delete, "user", "gildong").field("uid", 2001, Value::Null);
    assert_eq!(commands(&step("user", &[]), &gone, None), ["userdel gildong"]);
}

#[test]
fn the_schedulers_are_the_words_of_its_modules() {
    let args = [("name", "gildong"), ("account", "lab"), ("state", "present")];
    let made = Change::new(Action::Create, "association", "lab/gildong").field("GrpTRES", Value::Null, "gres/gpu=2");
    assert_eq!(
        commands(&step("slurm_user", &args), &made, None),
        [
            "sacctmgr -i add user name=gildong account=lab",
            "sacctmgr -i modify user where name=gildong account=lab partition= set GrpTRES=gres/gpu=2",
        ]
    );
    let cleared = Change::new(Action::Update, "association", "lab/gildong").field("GrpTRES", "cpu=4,gres/gpu=2", "-1");
    assert!(commands(&step("slurm_user", &args), &cleared, None)[0].ends_with("set GrpTRES=cpu=-1,gres/gpu=-1"));
}

#[test]
fn a_directory_gets_ldif() {
    let made = Change::new(Action::Create, "user", "gildong").field("uid", Value::Null, 2001).field(
        "group",
        Value::Null,
        "ai (3001)",
    );
    let made = made.field("comment", Value::Null, "홍길동").field("expires", Value::Null, "2027-01-01");
    let said = commands(&step("user", &[]), &made, Some(&mark())).concat();
    for line in [
        "ldapmodify -H ldaps://x <<'LDIF'\ndn: uid=gildong,ou=p,dc=x\nchangetype: add\n",
        "\ncn:: 7ZmN6ri464+Z\n",
        "\ngidNumber: 3001\n",
        "\nshadowExpire: 20819\n",
    ] {
        assert!(said.contains(line), "{line} is not in {said}");
    }
    let key = [("user", "gildong"), ("key", "ssh-ed25519 AAAA x"), ("state", "absent")];
    let gone = Change::new(Action::Update, "authorized_key", "uid=gildong,ou=p,dc=x");
    assert!(commands(&step("authorized_key", &key), &gone, Some(&mark()))[0].contains("delete: sshPublicKey"));
}

#[test]
fn what_a_text_holds_is_no_command() {
    let evil = "x'$(reboot)`reboot`\nreboot";
    let change = Change::new(Action::Update, "user", "kim").field("comment", "", evil);
    let said = commands(&step("user", &[]), &change, None);
    assert_eq!(shell_words::split(&said[0]).unwrap(), ["usermod", "-c", evil, "kim"]);
    let ldif = commands(&step("user", &[]), &change, Some(&mark())).concat();
    assert!(!ldif.contains("reboot"), "a line end would begin a record of its own: {ldif}");
}
