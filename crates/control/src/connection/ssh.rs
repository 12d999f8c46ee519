//! One ssh session to a host: algorithms, host key, login, programs.

use crate::connection::known_hosts::{self, Entry, Files, Verdict};
use crate::connection::machine::{Machine, Program};
use crate::connection::settings::{self, Settings, Strict};
use crate::connection::socket::Socket;
use crate::connection::{LinkError, Target, auth};
use ssh2::{Channel, ExtendedData, MethodType, Session};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use words::diag::{Diagnostic, ErrorKind};

/// Connects, checks the host's key and logs in.
pub fn connect(target: &Target, files: &Files) -> Result<SshHost, LinkError> {
    let home = home();
    let settings = settings::resolve(target, &home).map_err(LinkError::Unreachable)?;
    let entries = known_entries(&settings, files);
    let mut socket = Socket::open(&settings, &home).map_err(|why| unreachable(format!("ssh: {why}")))?;
    let session = greet(&settings, &entries, &socket).map_err(|error| no_greeting(&settings, &mut socket, &error))?;
    let trusted = check_key(&session, &settings, &entries).map_err(LinkError::Unreachable)?;
    // As in ssh: an impostor that was let through on purpose must not learn the password.
    let password = target.password.as_ref().filter(|_| trusted);
    auth::log_in(&session, &settings, password, &home).map_err(|error| {
        let withheld = target.password.is_some() && !trusted;
        let error = if withheld { error.note("its host key has changed, so the password is not sent") } else { *error };
        LinkError::Unreachable(Box::new(error))
    })?;
    Ok(SshHost { session, socket, user: settings.user, trusted })
}

/// The home of who runs the controller.
fn home() -> PathBuf {
    std::env::home_dir().unwrap_or_else(|| PathBuf::from("/"))
}

fn unreachable(why: impl std::fmt::Display) -> LinkError {
    LinkError::Unreachable(Box::new(failed(why)))
}

fn failed(why: impl std::fmt::Display) -> Diagnostic {
    Diagnostic::new(ErrorKind::Host, format!("Failed to connect to the host via ssh: {why}"))
}

fn known_entries(settings: &Settings, files: &Files) -> Vec<Entry> {
    let all: Vec<_> = settings.known_hosts.iter().chain(&settings.system_known_hosts).cloned().collect();
    files.about(&all, settings.known_name(), settings.known_port())
}

/// Agrees on algorithms and keys.
fn greet(settings: &Settings, entries: &[Entry], socket: &Socket) -> Result<Session, ssh2::Error> {
    let mut session = Session::new()?;
    session.set_timeout(milliseconds(settings.timeout));
    let kinds = known_hosts::known_kinds(entries, settings.known_name(), settings.known_port());
    prefer(&session, MethodType::HostKey, &algorithms(&kinds))?;
    prefer(&session, MethodType::Kex, &["curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256"])?;
    for direction in [MethodType::CryptCs, MethodType::CryptSc] {
        prefer(&session, direction, &["aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com"])?;
    }
    let handle = socket.handle().map_err(|_| ssh2::Error::unknown())?;
    session.set_tcp_stream(handle);
    session.handshake()?;
    Ok(session)
}

/// Puts some algorithms before the others that libssh2 has.
fn prefer(session: &Session, what: MethodType, first: &[&str]) -> Result<(), ssh2::Error> {
    let supported = session.supported_algs(what)?;
    let chosen = first.iter().copied().filter(|name| supported.contains(name));
    let others = supported.iter().copied().filter(|name| !first.contains(name));
    session.method_pref(what, &chosen.chain(others).collect::<Vec<_>>().join(","))
}

/// Signature algorithms for key types, those that known_hosts has first, so that the host shows a key that we know.
fn algorithms(kinds: &[String]) -> Vec<&str> {
    let usual = ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"];
    let mut all = Vec::new();
    for kind in kinds.iter().map(String::as_str).chain(usual) {
        let names: &[&str] = match kind {
            "ssh-rsa" => &["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"],
            _ => std::slice::from_ref(&kind),
        };
        all.extend(names.iter().filter(|name| !all.contains(*name)).copied().collect::<Vec<_>>());
    }
    all
}

/// libssh2 takes milliseconds, and 0 for "for ever".
fn milliseconds(limit: Duration) -> u32 {
    u32::try_from(limit.as_millis()).unwrap_or(u32::MAX).max(1)
}

fn no_greeting(settings: &Settings, socket: &mut Socket, error: &ssh2::Error) -> LinkError {
    let (host, port) = (&settings.hostname, settings.port);
    socket.shut();
    let complaints = socket.complaints();
    let mut diagnostic = failed(format!("no ssh session with {host} port {port}: {}", error.message()));
    if !complaints.is_empty() {
        diagnostic = diagnostic.note(format!("the way there said: {complaints}"));
    }
    LinkError::Unreachable(Box::new(diagnostic))
}

/// Whether the host's key may be used; true when it is also the known one, or new where new ones are accepted.
fn check_key(session: &Session, settings: &Settings, entries: &[Entry]) -> Result<bool, Box<Diagnostic>> {
    let (key, _) = session.host_key().ok_or_else(|| Box::new(failed("the host showed no key")))?;
    let kind = known_hosts::kind_of(key).unwrap_or("unknown").to_owned();
    let shown = Shown { settings, kind: &kind, key };
    match known_hosts::check(entries, settings.known_name(), settings.known_port(), &kind, key) {
        Verdict::Known => Ok(true),
        Verdict::Revoked(place) => Err(Box::new(shown.revoked(&place))),
        Verdict::Changed(_) if settings.strict == Strict::No => Ok(false),
        Verdict::Changed(place) => Err(Box::new(shown.changed(&place))),
        _ if settings.strict == Strict::No => Ok(true),
        _ if settings.strict == Strict::AcceptNew => shown.remember().map(|()| true),
        verdict => Err(Box::new(shown.unknown(&verdict))),
    }
}

/// A host's key, to be written about.
struct Shown<'a> {
    settings: &'a Settings,
    kind: &'a str,
    key: &'a [u8],
}

impl Shown<'_> {
    fn name(&self) -> String {
        known_hosts::file_name(self.settings.known_name(), self.settings.known_port())
    }

    fn key(&self) -> String {
        format!("its {} key is {}", self.kind, known_hosts::fingerprint(self.key))
    }

    fn user_file(&self) -> Option<&Path> {
        self.settings.known_hosts.first().map(PathBuf::as_path)
    }

    fn unknown(&self, verdict: &Verdict) -> Diagnostic {
        let (host, port) = (&self.settings.hostname, self.settings.port);
        let error = failed(format!("Host key verification failed: the key of {} is not known.", self.name()));
        let error = match verdict {
            Verdict::OtherTypes(place) => error.note(format!("{place} has a key of another type for it")),
            Verdict::OnlyCertified(place) => error.note(format!(
                "{place} names a certificate authority for it, and enlist cannot verify host certificates: \
                 it needs the plain key"
            )),
            _ => error,
        };
        let file = self.user_file().unwrap_or(Path::new("~/.ssh/known_hosts")).display();
        let port = if port == 22 { String::new() } else { format!("-p {port} ") };
        error
            .note(self.key())
            .hint(format!("compare that with the host's own, then: ssh-keyscan {port}{host} >> {file}"))
            .hint("or accept any key, and so anyone in between: ANSIBLE_HOST_KEY_CHECKING=False")
    }

    fn changed(&self, place: &known_hosts::Place) -> Diagnostic {
        failed("REMOTE HOST IDENTIFICATION HAS CHANGED! Host key verification failed.")
            .note(format!("{} now shows another {} key than {place} has", self.name(), self.kind))
            .note("someone may be eavesdropping (man in the middle), or the host was installed anew")
            .note(self.key())
            .hint(format!(
                "only if the host's administrator confirms the new key: ssh-keygen -f {} -R {:?}, then add it",
                place.file.display(),
                self.name()
            ))
    }

    fn revoked(&self, place: &known_hosts::Place) -> Diagnostic {
        failed(format!("Host key verification failed: the key of {} is revoked.", self.name()))
            .note(format!("{place} revokes it"))
            .note(self.key())
            .hint("do not use this host until its administrator has given it a new key")
    }

    /// Adds the key to the user's file (`StrictHostKeyChecking=accept-new`).
    fn remember(&self) -> Result<(), Box<Diagnostic>> {
        let Some(file) = self.user_file() else { return Ok(()) };
        known_hosts::append(file, &self.name(), self.kind, self.key).map_err(|error| {
            Box::new(failed(format!("the new key of {} cannot be added to {}: {error}", self.name(), file.display())))
        })
    }
}

/// A host, logged in to.
pub struct SshHost {
    session: Session,
    socket: Socket,
    user: String,
    /// Whether its key is the known one.
    trusted: bool,
}

impl Machine for SshHost {
    type Program = SshProgram;
    const IS_HERE: bool = false;

    fn login(&self) -> &str {
        &self.user
    }

    fn start(&mut self, command: &str, patience: Duration) -> io::Result<SshProgram> {
        self.session.set_timeout(milliseconds(patience));
        let mut channel = self.session.channel_session()?;
        channel.handle_extended_data(ExtendedData::Merge)?;
        channel.exec(command)?;
        Ok(SshProgram { channel, session: self.session.clone() })
    }

    fn is_trusted(&self) -> bool {
        self.trusted
    }

    fn is_near(&self) -> bool {
        self.socket.is_near()
    }

    fn hang_up(&mut self) {
        self.session.set_timeout(GOODBYE);
        let _ = self.session.disconnect(None, "done", None);
        self.socket.shut();
    }
}

/// How many milliseconds a host gets to answer a goodbye.
const GOODBYE: u32 = 5000;

/// A program on a host.
pub struct SshProgram {
    channel: Channel,
    session: Session,
}

impl Program for SshProgram {
    fn be_patient(&mut self, limit: Option<Duration>) -> io::Result<()> {
        self.session.set_timeout(limit.map_or(0, milliseconds));
        Ok(())
    }

    fn ending(&mut self) -> String {
        self.session.set_timeout(GOODBYE);
        let _ = self.channel.wait_close();
        match (self.channel.exit_signal().ok().and_then(|exit| exit.exit_signal), self.channel.exit_status()) {
            (Some(signal), _) => format!("signal {signal}"),
            (None, Ok(code)) => format!("exit code {code}"),
            (None, Err(error)) => error.message().to_owned(),
        }
    }
}

impl Drop for SshProgram {
    /// Closing the channel waits for the host to close it, too.
    fn drop(&mut self) {
        self.session.set_timeout(GOODBYE);
    }
}

impl Read for SshProgram {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.channel.read(buffer)
    }
}

impl Write for SshProgram {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.channel.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_types_are_asked_for_first() {
        let kinds = ["ssh-rsa".to_owned(), "ssh-ed25519".to_owned()];
        assert_eq!(
            algorithms(&kinds)[..5],
            ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa", "ssh-ed25519", "ecdsa-sha2-nistp256"]
        );
        assert_eq!(algorithms(&[])[0], "ssh-ed25519");
    }
}
