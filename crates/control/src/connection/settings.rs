//! What ssh's own configuration says about a host, joined with the inventory and the extra arguments.
//!
//! OpenSSH itself reads its files, by `ssh -G`, so that aliases, `Match`, `Include` and `ProxyJump` mean what they mean
//! to ssh. It is only asked when some file could matter: a process for each host is dear.

use crate::connection::Target;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use words::diag::{Diagnostic, ErrorKind};

/// How to reach and check one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Login user.
    pub user: String,
    /// Name or address to connect to.
    pub hostname: String,
    /// TCP port.
    pub port: u16,
    /// The name in known_hosts files when it is not `hostname`.
    pub alias: Option<String>,
    /// Private key files to try. The inventory's come first.
    pub keys: Vec<PathBuf>,
    /// Certificates beyond those that stand beside the keys.
    pub certificates: Vec<PathBuf>,
    /// Whether only these keys are tried, not whatever ssh-agent holds.
    pub keys_only: bool,
    /// The socket of ssh-agent; `None` uses no agent.
    pub agent: Option<PathBuf>,
    /// The user's known_hosts files.
    pub known_hosts: Vec<PathBuf>,
    /// The system's known_hosts files.
    pub system_known_hosts: Vec<PathBuf>,
    /// What to do about a key that is not known.
    pub strict: Strict,
    /// A way around a direct connection.
    pub proxy: Option<Proxy>,
    /// The configuration file that was named (`-F`): hosts on the way are looked up there, too.
    pub file: Option<String>,
    /// How long connecting may take.
    pub timeout: Duration,
}

/// `StrictHostKeyChecking`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strict {
    /// Only known keys.
    Yes,
    /// A new host's key is accepted and added, a changed one is not.
    AcceptNew,
    /// Anything is accepted.
    No,
}

/// What carries the connection instead of TCP from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proxy {
    /// `ProxyJump`: hosts to go through.
    Jump(String),
    /// `ProxyCommand`: a shell command whose input and output are the connection.
    Command(String),
}

/// Finds out how to reach a host.
pub fn resolve(target: &Target, home: &Path) -> Result<Settings, Box<Diagnostic>> {
    let arguments = Arguments::parse(&target.ssh_args)?;
    let mut settings = Settings::plain(target, home);
    if arguments.file.is_some() || is_configured(home) {
        let answer = ask_ssh(target)?;
        settings.take(answer.lines().filter_map(|line| line.split_once(' ')), home);
    } else {
        settings.take(arguments.options.iter().map(|(key, value)| (&key[..], &value[..])), home);
    }
    settings.insist(target);
    settings.file = arguments.file;
    Ok(settings)
}

/// The keys that change something here.
const KEYS: &[&str] = &[
    "certificatefile",
    "connecttimeout",
    "globalknownhostsfile",
    "hostkeyalias",
    "hostname",
    "identitiesonly",
    "identityagent",
    "identityfile",
    "include",
    "match",
    "port",
    "proxycommand",
    "proxyjump",
    "stricthostkeychecking",
    "user",
    "userknownhostsfile",
];

/// Whether ssh's configuration can matter: the user has some, or the system's holds more than Debian's.
fn is_configured(home: &Path) -> bool {
    let system = std::fs::read_dir("/etc/ssh/ssh_config.d").into_iter().flatten().flatten().map(|entry| entry.path());
    home.join(".ssh/config").exists()
        || system
            .chain(["/etc/ssh/ssh_config".into()])
            .filter_map(|file| std::fs::read_to_string(file).ok())
            .any(|text| matters(&text))
}

/// Whether a configuration text sets anything that is used here; the usual `Include` of ssh_config.d is looked into
/// anyway.
fn matters(text: &str) -> bool {
    text.lines().filter_map(option).any(|(key, value)| {
        let usual = key == "include" && value.starts_with("/etc/ssh/ssh_config.d/");
        !usual && KEYS.contains(&&key[..])
    })
}

/// `Key value`, `Key=value` or `Key "value"`; none for blank lines and comments. The key comes in lower case.
fn option(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    let (key, value) = line.split_once(|c: char| c == '=' || c.is_whitespace())?;
    let (key, value) = (key.to_ascii_lowercase(), value.trim_start_matches(|c: char| c == '=' || c.is_whitespace()));
    // A command is the rest of the line: its quotes are its own.
    let value = if key == "proxycommand" { value } else { unquoted(value) };
    (!key.starts_with('#')).then(|| (key, value.to_owned()))
}

fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value)
}

/// What `ssh -G` says: lines of a key in lower case and a value.
fn ask_ssh(target: &Target) -> Result<String, Box<Diagnostic>> {
    let mut command = Command::new("ssh");
    command.arg("-G").args(&target.ssh_args);
    command.arg(format!("-oConnectTimeout={}", target.timeout.as_secs().max(1)));
    command.args(target.user.iter().map(|user| format!("-oUser={user}")));
    command.args(target.port.iter().map(|port| format!("-oPort={port}")));
    let output = command.args(["--", &target.address]).stdin(Stdio::null()).output().map_err(|error| {
        let message = format!("cannot ask `ssh -G` what ssh's configuration says: {error}");
        Diagnostic::new(ErrorKind::Usage, message).hint("install the OpenSSH client, or remove ~/.ssh/config")
    })?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        let message = format!("ssh refuses its configuration or arguments for {}", target.name);
        return Err(Box::new(Diagnostic::new(ErrorKind::Input, message).note(why)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Extra arguments in the form of ssh's command line, as far as they matter without a configuration file.
#[derive(Debug, Default, PartialEq, Eq)]
struct Arguments {
    /// The configuration file that is named (`-F`).
    file: Option<String>,
    /// Options by name in lower case, in order; the first of a name counts.
    options: Vec<(String, String)>,
}

/// Flags of ssh(1) that are followed by a value.
const WITH_VALUE: &str = "BbcDEeFIiJLlmOopQRSWw";

impl Arguments {
    fn parse(words: &[String]) -> Result<Self, Box<Diagnostic>> {
        let mut arguments = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let flags = word.strip_prefix('-').filter(|flags| !flags.is_empty());
            let flags = flags.ok_or_else(|| wrong_argument(word, "is no option of ssh"))?;
            let Some(at) = flags.find(|flag| WITH_VALUE.contains(flag)) else { continue };
            let (flag, rest) = (&flags[at..at + 1], &flags[at + 1..]);
            let value = match rest {
                "" => words.next().ok_or_else(|| wrong_argument(word, "lacks its value"))?,
                rest => rest,
            };
            arguments.take(flag, value).ok_or_else(|| wrong_argument(value, "is not Key=Value"))?;
        }
        Ok(arguments)
    }

    fn take(&mut self, flag: &str, value: &str) -> Option<()> {
        let key = match flag {
            "F" => {
                self.file = Some(value.into());
                return Some(());
            }
            "o" => {
                self.options.push(option(value)?);
                return Some(());
            }
            "i" => "identityfile",
            "J" => "proxyjump",
            "l" => "user",
            "p" => "port",
            _ => return Some(()),
        };
        self.options.push((key.into(), value.into()));
        Some(())
    }
}

fn wrong_argument(word: &str, what: &str) -> Box<Diagnostic> {
    let error = Diagnostic::new(ErrorKind::Input, format!("`{word}` among the ssh arguments {what}"));
    Box::new(error.hint("see ansible_ssh_common_args, ansible_ssh_extra_args, --ssh-common-args, --ssh-extra-args"))
}

impl Settings {
    /// Without any configuration.
    fn plain(target: &Target, home: &Path) -> Self {
        Self {
            user: own_user(),
            hostname: target.address.clone(),
            port: 22,
            alias: None,
            keys: Vec::new(),
            certificates: Vec::new(),
            keys_only: false,
            agent: std::env::var_os("SSH_AUTH_SOCK").map(PathBuf::from),
            known_hosts: vec![home.join(".ssh/known_hosts"), home.join(".ssh/known_hosts2")],
            system_known_hosts: vec!["/etc/ssh/ssh_known_hosts".into(), "/etc/ssh/ssh_known_hosts2".into()],
            strict: Strict::Yes,
            proxy: None,
            file: None,
            timeout: target.timeout,
        }
    }

    /// What the inventory or the command line says beats configuration.
    fn insist(&mut self, target: &Target) {
        self.user = target.user.clone().unwrap_or_else(|| self.user.clone());
        self.port = target.port.unwrap_or(self.port);
        self.keys.splice(0..0, target.keys.iter().cloned());
        let mut seen = HashSet::new();
        self.keys.retain(|key| seen.insert(key.clone()));
        if !target.host_key_checking {
            self.strict = Strict::No;
        }
    }

    /// Takes options; of those that are no lists, the first of a name counts, as for ssh.
    fn take<'a>(&mut self, options: impl Iterator<Item = (&'a str, &'a str)>, home: &Path) {
        let mut seen = HashSet::new();
        for (key, value) in options {
            if seen.insert(key) || matches!(key, "identityfile" | "certificatefile") {
                self.set(key, value, home);
            }
        }
    }

    fn set(&mut self, key: &str, value: &str, home: &Path) {
        match key {
            "user" => self.user = value.into(),
            "hostname" => self.hostname = value.replace("%h", &self.hostname),
            "port" => self.port = value.parse().unwrap_or(self.port),
            "hostkeyalias" => self.alias = Some(value.into()),
            "identityfile" => self.add_key(value, home),
            "certificatefile" => self.certificates.push(self.path(value, home)),
            "identitiesonly" => self.keys_only = matches!(value, "yes" | "true"),
            "identityagent" => self.set_agent(value, home),
            "userknownhostsfile" => self.known_hosts = self.files(value, home),
            "globalknownhostsfile" => self.system_known_hosts = self.files(value, home),
            "stricthostkeychecking" => self.strict = strict(value),
            "proxyjump" if value != "none" => self.proxy = Some(Proxy::Jump(value.into())),
            "proxycommand" if value != "none" => self.proxy = Some(Proxy::Command(value.into())),
            "connecttimeout" => self.timeout = value.parse().map_or(self.timeout, Duration::from_secs),
            _ => {}
        }
    }

    /// `IdentityFile`; `ssh -G` names the default keys also when they are not there.
    fn add_key(&mut self, value: &str, home: &Path) {
        let key = self.path(value, home);
        if !value.starts_with("~/.ssh/id_") || key.exists() {
            self.keys.push(key);
        }
    }

    /// `IdentityAgent`: a socket, `none`, `SSH_AUTH_SOCK`, or `$VARIABLE`.
    fn set_agent(&mut self, value: &str, home: &Path) {
        self.agent = match value {
            "none" => None,
            "SSH_AUTH_SOCK" => std::env::var_os("SSH_AUTH_SOCK").map(PathBuf::from),
            value => match value.strip_prefix('$') {
                Some(name) => std::env::var_os(name.trim_matches(['{', '}'])).map(PathBuf::from),
                None => Some(self.path(value, home)),
            },
        };
    }

    fn files(&self, value: &str, home: &Path) -> Vec<PathBuf> {
        value.split_whitespace().filter(|word| *word != "none").map(|word| self.path(word, home)).collect()
    }

    /// A file name with `~` and ssh's `%` tokens filled in.
    fn path(&self, value: &str, home: &Path) -> PathBuf {
        let value = self.fill(value, home);
        match value.strip_prefix('~') {
            Some("") => home.to_owned(),
            Some(rest) if rest.starts_with('/') => home.join(&rest[1..]),
            _ => PathBuf::from(value),
        }
    }

    /// Fills in ssh's tokens: `%%`, `%d` home, `%h` host, `%n` host as given, `%p` port, `%r` login user, `%u` own user.
    pub fn fill(&self, text: &str, home: &Path) -> String {
        let mut filled = String::new();
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            match (c, if c == '%' { rest.next() } else { None }) {
                ('%', Some('%')) => filled.push('%'),
                ('%', Some('d')) => filled.push_str(&home.to_string_lossy()),
                ('%', Some('h' | 'n')) => filled.push_str(&self.hostname),
                ('%', Some('p')) => filled.push_str(&self.port.to_string()),
                ('%', Some('r')) => filled.push_str(&self.user),
                ('%', Some('u')) => filled.push_str(&own_user()),
                ('%', Some(other)) => filled.extend(['%', other]),
                (c, _) => filled.push(c),
            }
        }
        filled
    }

    /// The name in known_hosts files.
    pub fn known_name(&self) -> &str {
        self.alias.as_deref().unwrap_or(&self.hostname)
    }

    /// The port in known_hosts files: an alias has none.
    pub fn known_port(&self) -> u16 {
        if self.alias.is_some() { 22 } else { self.port }
    }
}

fn strict(value: &str) -> Strict {
    match value {
        "no" | "off" | "false" => Strict::No,
        "accept-new" => Strict::AcceptNew,
        _ => Strict::Yes,
    }
}

/// Who runs the controller.
fn own_user() -> String {
    nix::unistd::User::from_uid(nix::unistd::Uid::current())
        .ok()
        .flatten()
        .map_or_else(|| "root".into(), |user| user.name)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Without any configuration: ops@10.0.0.1.
    pub fn settings() -> Settings {
        let mut settings = Settings::plain(&target(&[]), Path::new("/home/me"));
        settings.insist(&target(&[]));
        settings
    }

    fn target(ssh_args: &[&str]) -> Target {
        Target {
            name: "login1".into(),
            address: "10.0.0.1".into(),
            port: None,
            user: Some("ops".into()),
            keys: vec!["/keys/a".into()],
            password: None,
            ssh_args: ssh_args.iter().map(|word| (*word).into()).collect(),
            host_key_checking: true,
            timeout: Duration::from_secs(10),
            local: false,
        }
    }

    fn arguments(words: &[&str]) -> Vec<(String, String)> {
        Arguments::parse(&target(words).ssh_args).unwrap().options
    }

    #[test]
    fn arguments_in_all_their_forms() {
        let found = arguments(&["-o", "User=a", "-oPort 23", "-C", "-Ci", "/k", "-J", "b:2", "-o", "X = \"y z\""]);
        let expected = [("user", "a"), ("port", "23"), ("identityfile", "/k"), ("proxyjump", "b:2"), ("x", "y z")];
        assert_eq!(found, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }

    #[test]
    fn the_quotes_of_a_command_are_its_own() {
        let found = arguments(&["-o", r#"ProxyCommand=sh -c "echo no way >&2; exit 1""#, "-oUser=\"a b\""]);
        assert_eq!(found[0].1, r#"sh -c "echo no way >&2; exit 1""#);
        assert_eq!(found[1].1, "a b");
    }

    #[test]
    fn bad_arguments_are_named() {
        for (words, word) in [(&["-o"][..], "-o"), (&["host"], "host"), (&["-o", "Key"], "Key")] {
            let error = Arguments::parse(&target(words).ssh_args).unwrap_err();
            assert!(error.message.contains(&format!("`{word}`")), "{error}");
        }
    }

    #[test]
    fn the_inventory_beats_arguments() {
        let target = target(&["-p", "2222", "-o", "User=x", "-i", "~/k", "-o", "StrictHostKeyChecking=accept-new"]);
        let home = tempfile::tempdir().unwrap();
        let settings = resolve(&target, home.path()).unwrap();
        assert_eq!((settings.user.as_str(), settings.port), ("ops", 2222));
        assert_eq!(settings.keys, [PathBuf::from("/keys/a"), home.path().join("k")]);
        assert_eq!(settings.strict, Strict::AcceptNew);
    }

    #[test]
    fn a_configuration_file_is_read_by_ssh_itself() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("config");
        let text = "Host 10.0.0.*\n  Port 2022\n  UserKnownHostsFile /a /b\n  ProxyCommand nc %h %p\n  User x\n";
        std::fs::write(&file, text).unwrap();
        let settings = resolve(&target(&["-F", file.to_str().unwrap()]), home.path()).unwrap();
        assert_eq!((settings.user.as_str(), settings.port), ("ops", 2022));
        assert_eq!(settings.known_hosts, [Path::new("/a"), Path::new("/b")]);
        assert_eq!(settings.proxy, Some(Proxy::Command("nc %h %p".into())));
        assert_eq!(settings.fill("nc %h %p %r%%", home.path()), "nc 10.0.0.1 2022 ops%");
    }

    #[test]
    fn debian_s_own_configuration_does_not_matter() {
        let debian =
            "# c\nInclude /etc/ssh/ssh_config.d/*.conf\nHost *\n    SendEnv LANG LC_*\n    HashKnownHosts yes\n";
        assert!(!matters(debian));
        assert!(matters("Host *.cluster\n\tProxyJump gate\n"));
    }
}
