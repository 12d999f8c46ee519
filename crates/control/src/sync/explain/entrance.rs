//! What sshd and PAM would say to a person who comes in with a key: judged from what the host's module `entrance` saw.

use super::{Link, PLAN, broken, unseen, well};
use crate::roster::{State, User, keys};
use host::identity::date;
use serde::Deserialize;
use std::collections::BTreeMap;
use words::text::glob;

/// What was seen; see the module `entrance`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Entrance {
    /// What the name service says; `None` when it does not know the name.
    pub uid: Option<u32>,
    /// Home directory.
    pub home: String,
    /// `fine`, `missing` or `not executable`.
    pub shell: String,
    /// Whether /etc/nologin keeps everybody but root out.
    pub nologin: bool,
    /// shadow(5) without the hash.
    pub shadow: Option<Shadow>,
    /// Groups that the person is in.
    pub groups: Vec<String>,
    /// The file in which sshd looks for keys.
    pub key_file: String,
    /// From the home to the key file, who owns each part and who may write it.
    pub way: Vec<Part>,
    /// The keys in the file; `None` when it could not be read.
    pub keys: Option<Vec<FoundKey>>,
    /// sshd's settings; `None` when they could not be asked for.
    pub sshd: Option<BTreeMap<String, Vec<String>>>,
}

/// What shadow(5) says, in days since 1970.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Shadow {
    /// The password begins with `!`.
    pub locked: bool,
    /// There is a hash, locked or not.
    pub has_password: bool,
    /// When the password was changed; 0 asks for a new one.
    pub last_change: Option<i64>,
    /// Days for which a password is good.
    pub max: Option<i64>,
    /// Days after that until the account is closed.
    pub inactive: Option<i64>,
    /// The first day without login.
    pub expires: Option<i64>,
}

/// A directory or file on the way to the keys.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Part {
    /// Its path.
    pub path: String,
    /// Its owner.
    pub uid: u32,
    /// Its permission bits.
    pub mode: u32,
    /// Whether it is a directory.
    pub directory: bool,
}

impl Part {
    /// Whether somebody who is not its owner gets through or may read it; who is in its group is given the benefit.
    fn is_open(&self) -> bool {
        self.mode & if self.directory { 0o011 } else { 0o044 } != 0
    }
}

/// A line of authorized_keys.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct FoundKey {
    /// Options as written.
    pub options: String,
    /// The key in base64.
    pub data: String,
}

/// The links that stand between a person with an account on `host` and a shell there. `today` counts days since 1970.
pub fn judge(host: &str, name: &str, wanted: Option<&User>, seen: &Entrance, today: i64) -> Vec<Link> {
    let mut links = vec![shell(host, name, seen), account(host, wanted, seen, today), way(host, seen)];
    links.extend(with_keys(host, wanted, seen));
    links.push(sshd(host, name, seen));
    if seen.nologin {
        links.push(broken(
            host,
            "nologin",
            "/etc/nologin keeps everybody but root out",
            format!("on {host}: remove it"),
        ));
    }
    links
}

fn shell(host: &str, name: &str, seen: &Entrance) -> Link {
    if seen.shell == "fine" {
        return well(host, "shell", "is there");
    }
    let what =
        if seen.shell == "missing" { "the login shell is not on the host" } else { "the login shell cannot be run" };
    broken(host, "shell", what, format!("install it, or: enlist user modify {name} --shell /bin/bash, then {PLAN}"))
}

fn account(host: &str, wanted: Option<&User>, seen: &Entrance, today: i64) -> Link {
    let Some(shadow) = &seen.shadow else {
        return unseen(host, "account open", "not in /etc/shadow: that is the directory's affair");
    };
    let by_roster = wanted.is_some_and(|user| user.standing.locks().is_some() || user.tenure.expiry().is_some());
    let open = if by_roster {
        PLAN.to_owned()
    } else {
        format!("on {host}: chage -E -1 NAME, or say `expires` in the roster")
    };
    if let Some(day) = shadow.expires.filter(|day| *day <= today) {
        return broken(host, "account open", format!("expired on {}", date(day)), open);
    }
    if shadow.last_change == Some(0) {
        return broken(
            host,
            "account open",
            "a new password is asked for at the login",
            format!("on {host}: passwd or chage -d"),
        );
    }
    let ends = shadow.last_change.zip(shadow.max).map(|(change, max)| change + max);
    if let Some(day) = ends.filter(|day| *day < today && shadow.has_password) {
        return broken(
            host,
            "account open",
            format!("the password ended on {}", date(day)),
            format!("on {host}: a new password"),
        );
    }
    let until = shadow.expires.map_or_else(String::new, |day| format!(" until {}", date(day)));
    let password = match (shadow.has_password, shadow.locked) {
        (true, true) => "; the password is locked, keys are not",
        _ => "",
    };
    well(host, "account open", format!("open{until}{password}"))
}

/// sshd(8): with StrictModes it reads no keys from a place that somebody else may write.
fn way(host: &str, seen: &Entrance) -> Link {
    let is_strict = setting(seen, "strictmodes").is_none_or(|words| words.first().is_none_or(|word| word != "no"));
    let is_bad = |part: &&Part| part.mode & 0o022 != 0 || (part.uid != 0 && Some(part.uid) != seen.uid);
    let is_closed = |part: &&Part| Some(part.uid) != seen.uid && !part.is_open();
    if let Some(part) = seen.way.iter().find(is_closed) {
        let says = format!(
            "{} belongs to uid {}, and the person may not read it (mode {:04o})",
            part.path, part.uid, part.mode
        );
        return broken(host, "strict modes", says, format!("on {host}: give it to the person with chown"));
    }
    match seen.way.iter().find(is_bad).filter(|_| is_strict) {
        None if seen.way.is_empty() => well(host, "strict modes", "nothing is there to look at"),
        None => well(host, "strict modes", format!("home to {} is safe", seen.key_file)),
        Some(part) if part.mode & 0o022 != 0 => {
            let says = format!("others may write {} (mode {:04o}): sshd reads no keys there", part.path, part.mode);
            broken(host, "strict modes", says, format!("on {host}: chmod go-w {}", part.path))
        }
        Some(part) => {
            let says = format!("{} belongs to uid {}: sshd reads no keys there", part.path, part.uid);
            broken(host, "strict modes", says, format!("on {host}: give it to the person with chown"))
        }
    }
}

fn setting<'e>(seen: &'e Entrance, name: &str) -> Option<&'e Vec<String>> {
    seen.sshd.as_ref()?.get(name)
}

fn with_keys(host: &str, wanted: Option<&User>, seen: &Entrance) -> Vec<Link> {
    let is_read = |file: &&String| {
        let file = file.replace("%h", &seen.home);
        format!("{}/{file}", seen.home).ends_with("/.ssh/authorized_keys")
    };
    if setting(seen, "authorizedkeysfile").is_some_and(|files| !files.iter().any(|file| is_read(&file))) {
        let says = format!("sshd reads keys from {}, not from ~/.ssh/authorized_keys", seen.key_file);
        return vec![broken(host, "keys", says, "change AuthorizedKeysFile of sshd, or put the keys there")];
    }
    let own: Vec<_> = wanted.iter().flat_map(|user| &user.keys).filter(|key| key.state == State::Present).collect();
    let Some(found) = &seen.keys else {
        let says = format!("{} is not there, or is a link", seen.key_file);
        if own.is_empty() {
            return vec![well(host, "keys", format!("{says}; the roster has none"))];
        }
        return vec![broken(host, "keys", says, PLAN)];
    };
    let is_there = |line: &str| keys::body(line).is_ok_and(|body| found.iter().any(|key| key.data == body));
    let missing = own.iter().filter(|key| !is_there(&key.line)).count();
    if missing > 0 {
        let says = format!("{missing} of {} of the roster are not in {}", own.len(), seen.key_file);
        return vec![broken(host, "keys", says, PLAN)];
    }
    let options: Vec<_> = found.iter().filter(|key| !key.options.is_empty()).map(|key| key.options.as_str()).collect();
    let limited = format!("; {} with options: {}", options.len(), options.join("; "));
    let limited = if options.is_empty() { "" } else { &limited };
    let says = format!("{} in {}, {} of the roster{limited}", found.len(), seen.key_file, own.len());
    vec![well(host, "keys", says)]
}

/// Whom sshd lets in at all: AllowUsers and the like, sshd_config(5).
fn sshd(host: &str, name: &str, seen: &Entrance) -> Link {
    if seen.sshd.is_none() {
        return unseen(host, "sshd", "its settings could not be asked for");
    }
    let listed = |setting_name: &str, names: &[String]| {
        let patterns = setting(seen, setting_name)?;
        let user = |pattern: &String| pattern.split('@').next().unwrap_or_default().to_owned();
        let is_match = |pattern: &String| names.iter().any(|name| glob::matches(&user(pattern), name));
        Some(patterns.iter().any(is_match))
    };
    let own = [name.to_owned()];
    let wrong = [
        ("pubkeyauthentication", setting(seen, "pubkeyauthentication").is_some_and(|words| words == &["no"])),
        ("denyusers", listed("denyusers", &own) == Some(true)),
        ("allowusers", listed("allowusers", &own) == Some(false)),
        ("denygroups", listed("denygroups", &seen.groups) == Some(true)),
        ("allowgroups", listed("allowgroups", &seen.groups) == Some(false)),
    ];
    match wrong.iter().find(|(_, is_wrong)| *is_wrong) {
        None => well(host, "sshd", "its settings let the person in"),
        Some((setting_name, _)) => {
            let words = setting(seen, setting_name).map(|words| words.join(" ")).unwrap_or_default();
            broken(host, "sshd", format!("{setting_name} {words}"), format!("change it in sshd_config on {host}"))
        }
    }
}
