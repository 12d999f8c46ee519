//! Logging in: key files, ssh-agent, certificates, the default keys, a password.

use crate::connection::Secret;
use crate::connection::settings::Settings;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ssh2::{ErrorCode, KeyboardInteractivePrompt, Prompt, Session};
use std::path::{Path, PathBuf};
use words::diag::{Diagnostic, ErrorKind};

/// libssh2's errors after which the session is of no use: sending, timeout, disconnect, protocol, receiving.
const SESSION_IS_LOST: &[i32] = &[-7, -9, -13, -14, -43];

/// Logs in, trying what is likeliest first: every refused try costs a round trip, and hosts count them.
///
/// `password` must be absent when the host's key is not the one that is known.
pub fn log_in(
    session: &Session,
    settings: &Settings,
    password: Option<&Secret>,
    home: &Path,
) -> Result<(), Box<Diagnostic>> {
    let mut login = Login { session, settings, notes: Vec::new() };
    let done = login.by_files(&settings.keys)?
        || login.by_agent()?
        || (settings.keys.is_empty() && login.by_files(&default_keys(home))?)
        || login.by_password(password)?;
    if done { Ok(()) } else { Err(Box::new(login.refused())) }
}

/// The names that ssh tries by itself; the modern one first.
fn default_keys(home: &Path) -> Vec<PathBuf> {
    let names = ["id_ed25519", "id_ecdsa", "id_rsa"];
    names.iter().map(|name| home.join(".ssh").join(name)).filter(|key| key.exists()).collect()
}

struct Login<'a> {
    session: &'a Session,
    settings: &'a Settings,
    notes: Vec<String>,
}

impl Login<'_> {
    fn by_files(&mut self, keys: &[PathBuf]) -> Result<bool, Box<Diagnostic>> {
        for key in keys {
            if let Some(obstacle) = obstacle(key) {
                self.notes.push(obstacle);
                continue;
            }
            for certificate in self.certificates(key).into_iter().map(Some).chain([None]) {
                if self.by_file(key, certificate.as_deref())? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// The certificate beside a key, and those of the configuration.
    fn certificates(&self, key: &Path) -> Vec<PathBuf> {
        let mut beside = key.as_os_str().to_owned();
        beside.push("-cert.pub");
        let mut all = vec![PathBuf::from(beside)];
        all.extend(self.settings.certificates.iter().cloned());
        all.retain(|file| file.exists());
        all.dedup();
        all
    }

    fn by_file(&mut self, key: &Path, certificate: Option<&Path>) -> Result<bool, Box<Diagnostic>> {
        let shown = certificate.unwrap_or(key).display();
        let tried = self.session.userauth_pubkey_file(&self.settings.user, certificate, key, None);
        self.judge(tried, &format!("key {shown}"))
    }

    fn by_agent(&mut self) -> Result<bool, Box<Diagnostic>> {
        let Some(socket) = self.settings.agent.clone().filter(|_| !self.settings.keys_only) else { return Ok(false) };
        let Ok(mut agent) = self.session.agent() else { return Ok(false) };
        if agent.set_identity_path(&socket).and_then(|()| agent.connect()).is_err() {
            self.notes.push(format!("ssh-agent does not answer on {}", socket.display()));
            return Ok(false);
        }
        let identities = agent.list_identities().and_then(|()| agent.identities()).unwrap_or_default();
        for identity in identities {
            let tried = agent.userauth(&self.settings.user, &identity);
            if self.judge(tried, &format!("ssh-agent's key {}", identity.comment()))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn by_password(&mut self, password: Option<&Secret>) -> Result<bool, Box<Diagnostic>> {
        let Some(password) = password else { return Ok(false) };
        let user = &self.settings.user;
        let tried = self.session.userauth_password(user, password.reveal());
        if self.judge(tried, "the password")? {
            return Ok(true);
        }
        let tried = self.session.userauth_keyboard_interactive(user, &mut Answers(password));
        self.judge(tried, "the password, asked for interactively")
    }

    /// Whether a try logged in; a session that is lost ends everything.
    fn judge(&mut self, tried: Result<(), ssh2::Error>, what: &str) -> Result<bool, Box<Diagnostic>> {
        let Err(error) = tried else { return Ok(true) };
        if let ErrorCode::Session(code) = error.code()
            && SESSION_IS_LOST.contains(&code)
        {
            let message = format!("{} while logging in with {what}: {}", self.whom(), error.message());
            let hint = "the host may have had too many tries: name the right key with --private-key";
            return Err(Box::new(failed(message).hint(hint)));
        }
        self.notes.push(format!("{what}: {}", error.message()));
        Ok(false)
    }

    fn whom(&self) -> String {
        format!("{}@{}", self.settings.user, self.settings.hostname)
    }

    /// ssh's own words, and what was tried.
    fn refused(self) -> Diagnostic {
        let methods = self.session.auth_methods(&self.settings.user).unwrap_or("publickey,password");
        let mut error = failed(format!("{}: Permission denied ({methods}).", self.whom()));
        if self.notes.is_empty() {
            error = error.note("no key was found to try: no --private-key, nothing in ssh-agent, no ~/.ssh/id_*");
        }
        for note in self.notes {
            error = error.note(note);
        }
        error.hint("name a key with --private-key, load it with ssh-add, or give a password with -k")
    }
}

fn failed(message: String) -> Diagnostic {
    Diagnostic::new(ErrorKind::Host, format!("Failed to connect to the host via ssh: {message}"))
}

/// Answers every hidden question with the password.
struct Answers<'a>(&'a Secret);

impl KeyboardInteractivePrompt for Answers<'_> {
    fn prompt<'a>(&mut self, _user: &str, _instructions: &str, prompts: &[Prompt<'a>]) -> Vec<String> {
        prompts.iter().map(|prompt| if prompt.echo { String::new() } else { self.0.reveal().to_owned() }).collect()
    }
}

/// Why a key file cannot be tried at all.
fn obstacle(key: &Path) -> Option<String> {
    match std::fs::read(key) {
        Err(error) => Some(format!("key {}: {error}", key.display())),
        Ok(text) if is_encrypted(&text) => {
            Some(format!("key {} is encrypted: load it with `ssh-add {0}`", key.display()))
        }
        Ok(_) => None,
    }
}

/// Whether a private key file needs a passphrase: PEM says so in its header, OpenSSH's form names a cipher.
fn is_encrypted(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    let Some(body) = text.trim().strip_prefix("-----BEGIN OPENSSH PRIVATE KEY-----") else {
        return text.contains("ENCRYPTED");
    };
    let body: String = body.lines().take_while(|line| !line.starts_with('-')).collect();
    let whole = body.len() / 4 * 4;
    let bytes = STANDARD.decode(&body.as_bytes()[..whole]).unwrap_or_default();
    let cipher = bytes.strip_prefix(b"openssh-key-v1\0\0\0\0");
    cipher.is_some_and(|rest| !rest.starts_with(b"\x04none"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn generated(passphrase: &str, format: &str) -> Vec<u8> {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("key");
        let arguments = ["-q", "-t", "ecdsa", "-m", format, "-N", passphrase, "-f"];
        assert!(Command::new("ssh-keygen").args(arguments).arg(&file).status().unwrap().success());
        std::fs::read(file).unwrap()
    }

    #[test]
    fn encrypted_keys_are_told_apart() {
        for format in ["RFC4716", "PEM"] {
            assert!(is_encrypted(&generated("secret", format)), "{format}");
            assert!(!is_encrypted(&generated("", format)), "{format}");
        }
    }

    #[test]
    fn only_hidden_questions_get_the_password() {
        let secret = Secret::new("s3cret");
        let prompts = [Prompt { text: "Name:".into(), echo: true }, Prompt { text: "Password:".into(), echo: false }];
        assert_eq!(Answers(&secret).prompt("u", "", &prompts), ["", "s3cret"]);
    }
}
