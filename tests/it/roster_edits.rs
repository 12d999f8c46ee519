//! `enlist user`: what people give it by mistake, and many of them at once. No host is needed.

use crate::support::{Ran, enlist_path};
use std::path::{Path, PathBuf};
use std::process::Command;

const PUBLIC: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g kim@laptop";
const ROSTER: &str = "groups:\n  ai: {gid: 3001}\nusers:\n  kim: {uid: 2001, group: ai}\n";

/// A directory with a roster of its own; it goes with the test.
struct Desk(PathBuf);

impl Desk {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("enlist-desk-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join("roster.yml"), ROSTER).unwrap();
        Self(path)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(enlist_path());
        command.current_dir(&self.0).args(words);
        command
    }

    fn enlist(&self, words: &[&str]) -> Ran {
        self.command(words).output().unwrap().into()
    }

    fn roster(&self) -> String {
        std::fs::read_to_string(self.0.join("roster.yml")).unwrap()
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.0.join(name), content).unwrap();
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Real keys of ssh-keygen's, in its forms.
fn make_keys(desk: &Path) {
    let keygen = |words: &[&str]| {
        let made = Command::new("ssh-keygen").current_dir(desk).args(words).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        made.stdout
    };
    keygen(&["-q", "-t", "ed25519", "-N", "", "-C", "kim@x", "-f", "id_ed25519"]);
    keygen(&["-q", "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "", "-C", "kim@x", "-f", "id_rsa"]);
    std::fs::write(desk.join("rfc4716"), keygen(&["-e", "-f", "id_ed25519.pub"])).unwrap();
    std::fs::write(desk.join("pem"), keygen(&["-e", "-m", "PKCS8", "-f", "id_rsa.pub"])).unwrap();
}

#[test]
fn what_is_no_public_key_is_refused_with_one_error_and_not_shown() {
    let desk = Desk::new("keys");
    make_keys(&desk.0);
    let public = std::fs::read_to_string(desk.0.join("id_ed25519.pub")).unwrap();
    let body = public.split(' ').nth(1).unwrap();
    desk.put("kim.ppk", format!("PuTTY-User-Key-File-3: ssh-ed25519\nPublic-Lines: 2\n{body}\nPrivate-Lines: 1\nc2VjcmV0c2VjcmV0\nPrivate-MAC: 00\n"));
    let utf16: Vec<u8> = std::iter::once(0xfeff).chain(public.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    desk.put("utf16.pub", utf16);
    desk.put("latin1.pub", [public.trim().as_bytes(), b" caf\xe9\n"].concat());
    desk.put("cert.pub", public.replace("ssh-ed25519 ", "ssh-ed25519-cert-v01@openssh.com "));
    for (file, says, hint) in [
        ("id_ed25519", "a private key", "ends in .pub"),
        ("id_rsa", "a private key", "ends in .pub"),
        ("kim.ppk", "a private key of PuTTY's", "puttygen kim.ppk -O public-openssh"),
        ("rfc4716", "in the form of RFC 4716", "ssh-keygen -i -f rfc4716"),
        ("pem", "a public key in PEM", "ssh-keygen -i -m PKCS8 -f pem"),
        ("utf16.pub", "in UTF-16", "iconv -f UTF-16 -t UTF-8 utf16.pub"),
        ("latin1.pub", "no text in UTF-8", "id_ed25519.pub"),
        ("cert.pub", "a certificate", "without `-cert`"),
    ] {
        let refused = desk.enlist(&["user", "modify", "kim", "--key", &format!("@{file}")]).code(1);
        let said = refused.stdout + &refused.stderr;
        assert!(said.contains(says) && said.contains(hint), "{file}: {said}");
        assert_eq!(said.matches("error:").count(), 1, "{file}: {said}");
        let content = std::fs::read(desk.0.join(file)).unwrap();
        for line in String::from_utf8_lossy(&content).lines().filter(|line| line.len() > 12 && !line.contains(' ')) {
            assert!(!said.contains(line), "{file} is shown: {said}");
        }
        assert_eq!(desk.roster(), ROSTER, "{file} is written");
    }
    let private = std::fs::read_to_string(desk.0.join("id_ed25519")).unwrap();
    let refused = desk.enlist(&["user", "modify", "kim", "--key", &private]).code(1).stderr;
    assert!(refused.contains("--key: this is a private key") && !refused.contains(private.lines().nth(1).unwrap()));
    let refused = desk.enlist(&["user", "modify", "kim", &private]).code(1).stderr;
    assert!(refused.contains("a private key, not shown") && !refused.contains(private.lines().nth(1).unwrap()));
    let pasted: String = private.lines().map(|line| format!("      - {line}\n")).collect();
    let entry = format!("group: ai}}\n  lee:\n    uid: 2002\n    group: ai\n    keys:\n{}", pasted.trim_end());
    desk.put("roster.yml", ROSTER.replace("group: ai}", &entry));
    for words in [&["roster", "check"][..], &["plan", "-i", "x,"], &["user", "modify", "kim", "--shell", "/bin/sh"]] {
        let refused = desk.enlist(words).code(1).stderr;
        assert!(refused.contains("a private key, under the keys of `lee`"), "{words:?}: {refused}");
        assert!(private.lines().skip(1).all(|line| line.contains("END") || !refused.contains(line)), "{refused}");
    }
}

#[test]
fn a_key_file_of_windows_is_taken() {
    let desk = Desk::new("bom");
    desk.put("kim.pub", format!("\u{feff}{PUBLIC}\r\n"));
    desk.enlist(&["user", "modify", "kim", "--key", "@kim.pub"]).ok();
    assert!(desk.roster().contains(&format!("{PUBLIC}\"]")) || desk.roster().contains(PUBLIC), "{}", desk.roster());
    assert!(!desk.roster().contains('\u{feff}'));
}

const NUMBERED: &str = "ids: {users: 20000-29999}\ngroups:\n  ai: {gid: 3001}\nusers:\n  kim: {group: ai}\n";

/// The numbers of the ledger's lines, in order.
fn given(desk: &Desk) -> Vec<String> {
    let text = std::fs::read_to_string(desk.0.join("ids.ledger")).unwrap();
    let numbers = text.lines().filter_map(|line| line.strip_prefix("uid ")?.split(' ').next().map(str::to_owned));
    numbers.collect()
}

#[test]
fn somebody_new_gets_the_next_number_in_the_edit_that_is_shown() {
    let desk = Desk::new("numbered");
    desk.put("roster.yml", NUMBERED);
    let add = |words: &[&str]| desk.enlist(&[&["user", "add"], words, &["--group", "ai"]].concat());
    assert!(add(&["lee"]).code(1).stderr.contains("`kim` has no uid yet"));
    desk.put("roster.yml", NUMBERED.replace("kim: {", "kim: {uid: 2001, "));
    let missing = add(&["lee"]).code(1).stderr;
    assert!(missing.contains("there is none") && missing.contains("enlist roster number --new"), "{missing}");
    desk.put("roster.yml", NUMBERED);
    desk.enlist(&["roster", "number", "--new"]).ok();
    let checked = add(&["lee", "--check"]).ok().stdout;
    assert!(checked.contains("+  lee:") && checked.contains("+uid 20001 lee "), "{checked}");
    assert_eq!((given(&desk), desk.roster()), (vec!["20000".to_owned()], NUMBERED.to_owned()));
    let told: serde_json::Value = serde_json::from_str(&add(&["lee", "--json"]).ok().stdout).unwrap();
    assert!(told["numbers"]["added"][0].as_str().is_some_and(|line| line.starts_with("uid 20001 lee ")), "{told}");
    assert_eq!(given(&desk), ["20000", "20001"]);
    assert!(add(&["lee"]).ok().stdout.contains("Nothing to do"));
    desk.enlist(&["roster", "check"]).ok();

    // Many at once get numbers of their own.
    let names: Vec<String> = (0..8).map(|n| format!("p{n}")).collect();
    std::thread::scope(|scope| {
        let runs: Vec<_> = names.iter().map(|name| scope.spawn(|| add(&[name.as_str()]))).collect();
        runs.into_iter().for_each(|run| _ = run.join().unwrap().ok());
    });
    let mut all = given(&desk);
    all.sort();
    assert_eq!(all, (20000..20010).map(|number| number.to_string()).collect::<Vec<_>>());
    desk.enlist(&["roster", "check"]).ok();

    // Whose entry was taken out is not who is called so later.
    desk.put("roster.yml", desk.roster().replace("  kim: {group: ai}\n", ""));
    assert!(desk.enlist(&["roster", "check"]).code(1).stderr.contains("has no entry any more"));
    assert!(desk.enlist(&["roster", "number"]).ok().stdout.contains("+ gone uid 20000 kim "));
    assert!(add(&["kim"]).code(1).stderr.contains("`kim` was here before, with uid 20000 in the ledger"));
    desk.put("class.csv", "login,name,group\nkim,Kim,ai\nhong,Hong,ai\n");
    let rows = desk.enlist(&["user", "import", "--csv", "class.csv"]).code(3);
    assert!(rows.stderr.contains("`kim` was here before") && rows.stdout.contains("+uid 20010 hong "), "{rows:?}");
    desk.put("roster.yml", desk.roster() + "  kim: {group: ai}\n");
    assert!(desk.enlist(&["roster", "number"]).code(1).stderr.contains("--returns kim"));
    assert!(desk.enlist(&["roster", "number", "--returns", "kim"]).ok().stdout.contains("+ uid 20000 kim "));
    desk.enlist(&["roster", "check"]).ok();
}

#[test]
fn twenty_people_added_at_once_are_twenty_people() {
    let desk = Desk::new("many");
    let add = |n: usize| {
        let (name, uid) = (format!("p{n}"), (3000 + n).to_string());
        desk.command(&["user", "add", &name, "--uid", &uid, "--group", "ai"]).output().unwrap()
    };
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..20).map(|n| scope.spawn(move || add(n))).collect();
        for one in all {
            let out = one.join().unwrap();
            assert!(out.status.success(), "{out:?}");
        }
    });
    let text = desk.roster();
    assert_eq!(text.lines().filter(|line| line.starts_with("  p")).count(), 20, "{text}");
    desk.enlist(&["roster", "check"]).ok();
}

#[test]
fn who_is_removed_comes_back() {
    let desk = Desk::new("back");
    let rest = "scheduler: m\naccounts:\n  lab:\n    users: [kim]\n    coordinators: [kim]\n";
    desk.put("roster.yml", format!("{ROSTER}{rest}"));
    desk.enlist(&["user", "remove", "kim"]).ok();
    assert_eq!(desk.roster().matches("state: absent").count(), 3, "{}", desk.roster());
    desk.enlist(&["user", "modify", "kim", "--state", "present"]).ok();
    assert!(!desk.roster().contains("absent"), "{}", desk.roster());
    desk.enlist(&["user", "remove", "kim"]).ok();
    let refused = desk.enlist(&["user", "add", "kim", "--uid", "2009", "--group", "ai"]).code(1).stderr;
    assert!(refused.contains("was here before, with uid 2001"), "{refused}");
    desk.enlist(&["user", "add", "kim", "--uid", "2001", "--group", "ai"]).ok();
    assert!(!desk.roster().contains("absent"), "{}", desk.roster());
}
