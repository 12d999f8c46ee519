use super::*;

const KEY: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g";
const OTHER: &str = "AAAAC3NzaC1lZDI1NTE5AAAAICAfHh0cGxoZGBcWFRQTEhEQDw4NDAsKCQgHBgUEAwIB";

fn judge(text: &str, host: &str, port: u16) -> Verdict {
    let entries = parse(text, Path::new("kh"));
    check(&entries, host, port, "ssh-ed25519", &STANDARD.decode(KEY).unwrap())
}

fn at(line: usize) -> Place {
    Place { file: "kh".into(), line }
}

#[test]
fn plain_names_patterns_and_negation() {
    let text = format!("# comment\n\nlogin*.hpc,!login9.hpc,10.0.0.? ssh-ed25519 {KEY} comment\n");
    assert_eq!(judge(&text, "login1.hpc", 22), Verdict::Known);
    assert_eq!(judge(&text, "LOGIN1.hpc", 22), Verdict::Known);
    assert_eq!(judge(&text, "login9.hpc", 22), Verdict::Unknown);
    assert_eq!(judge(&text, "10.0.0.4", 22), Verdict::Known);
    assert_eq!(judge(&text, "10.0.0.40", 22), Verdict::Unknown);
}

#[test]
fn ports_are_part_of_the_name() {
    let text = format!("[a]:2222 ssh-ed25519 {KEY}\nb ssh-ed25519 {KEY}\nc ssh-ed25519 {OTHER}\n");
    assert_eq!(judge(&text, "a", 2222), Verdict::Known);
    assert_eq!(judge(&text, "a", 22), Verdict::Unknown);
    assert_eq!(judge(&text, "b", 2222), Verdict::Known, "ssh takes a matching key without a port, too");
    assert_eq!(judge(&text, "c", 2222), Verdict::Unknown, "but no other key on another port is a change");
}

#[test]
fn changed_other_type_revoked_certified() {
    assert_eq!(judge(&format!("\na ssh-ed25519 {OTHER}\n"), "a", 22), Verdict::Changed(at(2)));
    assert_eq!(judge("a ssh-rsa AAAAB3NzaC1yc2E=\n", "a", 22), Verdict::OtherTypes(at(1)));
    assert_eq!(
        judge(&format!("a ssh-ed25519 {KEY}\n@revoked * ssh-ed25519 {KEY}\n"), "a", 22),
        Verdict::Revoked(at(2))
    );
    assert_eq!(judge(&format!("@cert-authority *.x ssh-ed25519 {OTHER}\n"), "a.x", 22), Verdict::OnlyCertified(at(1)));
    let both = format!("a ssh-ed25519 {OTHER}\na ssh-ed25519 {KEY}\n");
    assert_eq!(judge(&both, "a", 22), Verdict::Known, "a host may have several keys");
}

/// Written by `ssh-keygen -H`.
#[test]
fn hashed_names_as_ssh_keygen_writes_them() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("kh");
    std::fs::write(&file, format!("10.0.0.1 ssh-ed25519 {KEY}\n[10.0.0.1]:2222 ssh-ed25519 {OTHER}\n")).unwrap();
    let keygen = std::process::Command::new("ssh-keygen").arg("-qHf").arg(&file).output().unwrap();
    assert!(keygen.status.success());
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("|1|"), "{text}");
    assert_eq!(judge(&text, "10.0.0.1", 22), Verdict::Known);
    assert_eq!(judge(&text, "10.0.0.2", 22), Verdict::Unknown);
    assert_eq!(judge(&text, "10.0.0.1", 2222), Verdict::Changed(at(2)));
}

#[test]
fn fingerprints_are_those_of_ssh_keygen() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("key.pub");
    std::fs::write(&file, format!("ssh-ed25519 {KEY}\n")).unwrap();
    let keygen = std::process::Command::new("ssh-keygen").arg("-lf").arg(&file).output().unwrap();
    let shown = String::from_utf8(keygen.stdout).unwrap();
    let key = STANDARD.decode(KEY).unwrap();
    assert!(shown.contains(&fingerprint(&key)), "{shown}");
    assert_eq!(kind_of(&key), Some("ssh-ed25519"));
    assert_eq!(kind_of(&key[..9]), None);
}

#[test]
fn what_makes_no_sense_is_passed_over() {
    for line in ["a", "a ssh-ed25519", "a ssh-ed25519 !!", "@strange a ssh-ed25519 AAAA", "|1|x ssh-ed25519 AAAA"] {
        assert_eq!(parse(line, Path::new("kh")), [], "{line}");
    }
}

#[test]
fn types_that_are_known_come_in_the_order_of_the_files() {
    let text = format!("a ssh-rsa AAAAB3NzaC1yc2E=\na ssh-ed25519 {KEY}\n@revoked a ecdsa-sha2-nistp256 AAAA\n");
    let entries = parse(&text, Path::new("kh"));
    assert_eq!(known_kinds(&entries, "a", 22), ["ssh-rsa", "ssh-ed25519"]);
    assert_eq!(known_kinds(&entries, "b", 22), [""; 0]);
}

#[test]
fn a_new_key_is_added_and_then_known() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("kh");
    append(&file, "[a]:2222", "ssh-ed25519", &STANDARD.decode(KEY).unwrap()).unwrap();
    assert_eq!(judge(&std::fs::read_to_string(&file).unwrap(), "a", 2222), Verdict::Known);
}

#[test]
fn globs() {
    for (pattern, text, hit) in
        [("*", "", true), ("a*c", "abbc", true), ("a*c", "abcd", false), ("**?", "x", true), ("?", "", false)]
    {
        assert_eq!(glob(pattern, text), hit, "{pattern} {text}");
    }
}
