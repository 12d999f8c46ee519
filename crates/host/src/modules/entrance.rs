//! `enlist.entrance`: what sshd and PAM look at when a person comes in, for `enlist explain`. Reads only.

use crate::change::outcome::{Failure, Outcome};
use crate::engine::{Module, Verdict};
use crate::identity::authorized_keys::PublicKey;
use crate::identity::entries::{Passwd, Shadow};
use crate::parameters;
use crate::system::lookup;
use crate::system::{Command, FileKind, System};
use std::path::{Path, PathBuf};
use words::value::{Map, Value};

/// The module.
pub struct Entrance;

parameters! {
    /// Returns what sshd and PAM look at when a user comes in: expiry, lock, shell, keys, and who
    /// owns what is on the way to them. Never a hash.
    pub struct EntranceParameters for "entrance" {
        /// Login name.
        name: String,
    }
}

/// Longest key file that is read, in bytes.
const LONGEST: u64 = 1 << 20;

/// The settings of sshd that decide whether a person with a key comes in.
const SETTINGS: &[&str] = &[
    "allowgroups",
    "allowusers",
    "authorizedkeysfile",
    "denygroups",
    "denyusers",
    "pubkeyauthentication",
    "strictmodes",
];

impl Module for Entrance {
    type Parameters = EntranceParameters;

    fn check(&self, given: &EntranceParameters, system: &dyn System) -> Result<Verdict, Failure> {
        let name = given.name.as_str();
        let found = lookup::user(system, name)?.map(lookup::FoundEntry::into_entry);
        let Some(user) = found.filter(|user| user.name == name) else {
            return Ok(Verdict::Satisfied(Outcome::new().with("uid", Value::Null)));
        };
        let settings = settings(system, name);
        let file = key_file(&user, &settings);
        let outcome = Outcome::new()
            .with("uid", user.uid)
            .with("home", user.home.as_str())
            .with("shell", shell(system, &user.shell)?)
            .with("nologin", system.stat(Path::new("/etc/nologin"), true)?.is_some())
            .with("shadow", shadow(system, name)?)
            .with("groups", groups(system, name))
            .with("key_file", file.display().to_string())
            .with("way", way(system, Path::new(&user.home), &file)?)
            .with("keys", keys(system, &user, &file)?)
            .with("sshd", settings);
        Ok(Verdict::Satisfied(outcome))
    }
}

/// `fine`, `missing` or `not executable`. An empty shell is /bin/sh, passwd(5).
fn shell(system: &dyn System, shell: &str) -> Result<&'static str, Failure> {
    let path = if shell.is_empty() { "/bin/sh" } else { shell };
    Ok(match system.stat(Path::new(path), true)? {
        None => "missing",
        Some(stat) if stat.kind == FileKind::File && stat.mode & 0o111 != 0 => "fine",
        Some(_) => "not executable",
    })
}

/// What shadow(5) says, without the hash; null when there is no entry.
fn shadow(system: &dyn System, name: &str) -> Result<Value, Failure> {
    let databases = system.databases()?;
    let Some(entry) = databases.shadow.as_ref().and_then(|shadow| shadow.get(name)) else { return Ok(Value::Null) };
    let Shadow { last_change, max, inactive, expire, .. } = *entry;
    let fields = [
        ("locked", entry.password.starts_with('!').into()),
        ("has_password", (entry.password.trim_start_matches('!').len() > 1).into()),
        ("last_change", last_change.into()),
        ("max", max.into()),
        ("inactive", inactive.into()),
        ("expires", expire.into()),
    ];
    Ok(Value::from_iter(fields))
}

fn groups(system: &dyn System, name: &str) -> Value {
    let asked = system.query(&Command::new(["id", "-Gn", "--", name]));
    let words = asked.ok().filter(|output| output.code == 0).map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&words).split_whitespace().map(Value::from).collect::<Vec<_>>().into()
}

/// What sshd's configuration comes to for this user; null when it cannot be told.
fn settings(system: &dyn System, name: &str) -> Value {
    let who = format!("user={name},host=localhost,addr=127.0.0.1");
    let Ok(output) = system.query(&Command::new(["/usr/sbin/sshd", "-T", "-C", &who])) else { return Value::Null };
    if output.code != 0 {
        return Value::Null;
    }
    let mut settings = Map::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let (key, value) = line.split_once(' ').unwrap_or((line, ""));
        if SETTINGS.contains(&key) {
            let words = settings.entry(key.to_owned()).or_insert_with(|| Value::List(Vec::new()));
            if let Value::List(words) = words {
                words.extend(value.split_whitespace().map(Value::from));
            }
        }
    }
    Value::Map(settings)
}

/// The first file in which sshd looks for keys.
fn key_file(user: &Passwd, settings: &Value) -> PathBuf {
    let first =
        settings.get("authorizedkeysfile").and_then(|files| files.as_list()?.first()?.as_str().map(str::to_owned));
    let first = first.unwrap_or_else(|| ".ssh/authorized_keys".into());
    let first = first.replace("%h", &user.home).replace("%u", &user.name).replace("%U", &user.uid.to_string());
    Path::new(&user.home).join(first.replace("%%", "%"))
}

/// Owner and mode of the key file and of every directory up to the home, or to the top where it is not below the home:
/// what sshd's StrictModes looks at.
fn way(system: &dyn System, home: &Path, file: &Path) -> Result<Value, Failure> {
    let up_to_home = file.ancestors().take_while(|path| path.starts_with(home));
    let path: Vec<_> = if file.starts_with(home) { up_to_home.collect() } else { file.ancestors().collect() };
    let mut way = Vec::new();
    for path in path.into_iter().rev() {
        let Some(stat) = system.stat(path, true)? else { break };
        let is_directory = stat.kind == FileKind::Directory;
        let fields: [(&str, Value); 4] = [
            ("path", path.display().to_string().into()),
            ("uid", stat.uid.into()),
            ("mode", stat.mode.into()),
            ("directory", is_directory.into()),
        ];
        way.push(Value::from_iter(fields));
    }
    Ok(Value::List(way))
}

/// The keys of the file, each with its options and its data; null when it is not there or not to be read.
fn keys(system: &dyn System, user: &Passwd, file: &Path) -> Result<Value, Failure> {
    let directory = file.parent().unwrap_or(Path::new("/"));
    let home = Path::new(&user.home);
    let top = if directory.starts_with(home) { home } else { directory };
    let Ok(Some(held)) = system.hold(top, directory) else { return Ok(Value::Null) };
    let name = held.file(file.file_name().unwrap_or_default());
    let Ok(Some(content)) = held.named(system.read_guarded(&name, LONGEST)) else { return Ok(Value::Null) };
    let text = String::from_utf8_lossy(&content);
    let keys = text.lines().filter_map(PublicKey::parse);
    let fields = |key: PublicKey| Value::from_iter([("options", Value::from(key.options)), ("data", key.body.into())]);
    Ok(Value::List(keys.map(fields).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::{args, is_ok};
    use crate::system::ProgramOutput;
    use crate::system::fake::Fake;

    #[test]
    fn everything_on_the_way_is_told_and_no_hash() {
        let shadow = "alice:!$6$secret:19000:0:99999:7::20000:\n";
        let mut system = Fake::with_accounts()
            .file("/etc/shadow", shadow)
            .file("/etc/nsswitch.conf", "passwd: files\n")
            .file("/bin/bash", "")
            .file("/home/alice/.ssh/authorized_keys", "no-pty ssh-rsa AAAAb x\n# mine\n")
            .answer_with(|command| {
                let words: Vec<_> = command.argv.iter().map(|word| word.to_string_lossy()).collect();
                let stdout = match words[0].as_ref() {
                    "getent" => "alice:x:1000:1000:Alice:/home/alice:/bin/bash\n",
                    "id" => "alice users\n",
                    _ => "strictmodes yes\nallowusers bob\nallowusers alice\nport 22\nauthorizedkeysfile .ssh/authorized_keys x\n",
                };
                Some(ProgramOutput { stdout: stdout.into(), ..ProgramOutput::default() })
            });
        let values = is_ok(&Entrance, &args(&[("name", "alice")]), &mut system).values;
        let text = Value::Map(values.clone()).to_json_line(false);
        assert!(!text.contains("secret"), "{text}");
        assert_eq!(values["shadow"].get("expires"), Some(&20000.into()));
        assert_eq!(values["keys"].repr(), "[{'options': 'no-pty', 'data': 'AAAAb'}]");
        assert_eq!(values["sshd"].get("allowusers").unwrap().repr(), "['bob', 'alice']");
        assert_eq!(values["way"].as_list().unwrap().len(), 3, "{text}");
        let nobody = Fake::with_accounts().answer_with(|_| Some(ProgramOutput { code: 2, ..ProgramOutput::default() }));
        let mut nobody = nobody.file("/etc/nsswitch.conf", "passwd: files\n");
        assert_eq!(is_ok(&Entrance, &args(&[("name", "mallory")]), &mut nobody).values["uid"], Value::Null);
    }
}
