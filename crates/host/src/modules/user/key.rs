//! `generate_ssh_key`: a key pair made by ssh-keygen where only root can reach, then put into place.

use super::parameters::UserParameters;
use crate::change::outcome::{Failure, Outcome};
use crate::identity::{Gid, LocalAccount, Uid};
use crate::parameters::GivenSecret;
use crate::system::claim::WORKSHOP;
use crate::system::held::{self, Held};
use crate::system::{Attributes, Command, FileKind, System, SystemError};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use words::value::Value;

/// Longest public key that is read, in bytes: it is the user's own file.
const LONGEST: u64 = 64 << 10;

/// A key to be made.
pub(super) struct NewKey {
    /// The private key's file.
    pub(super) path: PathBuf,
    /// Whether one that is there is replaced.
    force: bool,
    kind: String,
    bits: Option<i64>,
    comment: Option<String>,
    /// A secret: reaches ssh-keygen by a file, not by its arguments or environment.
    passphrase: Option<GivenSecret>,
    home: PathBuf,
    uid: Uid,
    gid: Gid,
}

/// The key that is asked for and is not there yet (or is, with `force`).
pub(super) fn plan(
    given: &UserParameters,
    system: &dyn System,
    account: &LocalAccount,
) -> Result<Option<NewKey>, Failure> {
    if !given.generate_ssh_key {
        return Ok(None);
    }
    let path = path(given, account);
    let is_there = system.stat(&path, false)?.is_some() || system.stat(&public(&path), false)?.is_some();
    // Where a run was cut off, a half under its name of that time is there, too.
    let is_left =
        |half: &Path| -> Result<bool, SystemError> { Ok(system.stat(&unnamed(half, system), false)?.is_some()) };
    let was_cut_off = is_left(&path)? || is_left(&public(&path))?;
    if is_there && !was_cut_off && !given.force {
        return Ok(None);
    }
    Ok(Some(NewKey {
        path,
        force: given.force,
        kind: given.ssh_key_type.clone(),
        bits: given.ssh_key_bits.filter(|bits| *bits != 0),
        comment: given.ssh_key_comment.clone(),
        passphrase: given.ssh_key_passphrase.clone(),
        home: account.passwd.home_path(),
        uid: account.passwd.uid,
        gid: account.passwd.gid,
    }))
}

/// Adds what Ansible returns about a key that is there already.
pub(super) fn report_existing(
    given: &UserParameters,
    system: &dyn System,
    account: &LocalAccount,
    outcome: &mut Outcome,
) -> Result<(), Failure> {
    let path = path(given, account);
    if !given.generate_ssh_key || given.force || system.stat(&path, true)?.is_none() {
        return Ok(());
    }
    let directory = path.parent().unwrap_or(Path::new("/"));
    let home = &account.passwd.home_path();
    // The public key is the user's own file: a link in its place must not show another's.
    let held = if directory.starts_with(home) { system.hold(home, directory)? } else { Some(Held::by_name(directory)) };
    let Some(held) = held else { return Ok(()) };
    let file = held.file(public(&path).file_name().unwrap_or_default());
    if let Some(key) = held.named(system.read_guarded(&file, LONGEST))? {
        describe(system, &path, &key, outcome);
    }
    Ok(())
}

fn path(given: &UserParameters, account: &LocalAccount) -> PathBuf {
    let default = || format!(".ssh/id_{}", given.ssh_key_type);
    account.passwd.home_path().join(given.ssh_key_file.as_ref().map_or_else(default, |file| file.as_str().into()))
}

fn public(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

/// The name of a half of the pair until both are there: of this host, which perhaps shares the home with others.
fn unnamed(half: &Path, system: &dyn System) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(half.file_name().unwrap_or_default());
    name.push(format!(".enlist-{}", system.host_name()));
    half.with_file_name(name)
}

/// Path, public key and fingerprint as return values.
fn describe(system: &dyn System, path: &Path, public_key: &[u8], outcome: &mut Outcome) {
    let shown = |bytes: &[u8]| Value::from(String::from_utf8_lossy(bytes).trim().to_owned());
    outcome.values.insert("ssh_key_file".into(), path.display().to_string().into());
    outcome.values.insert("ssh_public_key".into(), shown(public_key));
    let command = Command { stdin: Some(public_key.to_vec()), ..Command::new(["ssh-keygen", "-l", "-f", "-"]) };
    if let Ok(output) = system.query(&command) {
        outcome.values.insert("ssh_fingerprint".into(), shown(&output.stdout));
    }
}

impl NewKey {
    /// Makes the pair in a directory of root's own, and moves it to the user: nothing that the user can prepare in
    /// its home is written through.
    pub(super) fn make(self, system: &mut dyn System, mut outcome: Outcome) -> Result<Outcome, Failure> {
        let workshop = PathBuf::from(WORKSHOP);
        system
            .make_directory(&workshop, Attributes { mode: Some(0o700), uid: Some(Uid::ROOT), gid: Some(Gid::ROOT) })?;
        let made = self.make_in(system, &workshop, &mut outcome);
        system.remove_tree(&workshop)?;
        made.map(|()| outcome)
    }

    fn make_in(&self, system: &mut dyn System, workshop: &Path, outcome: &mut Outcome) -> Result<(), Failure> {
        let private = workshop.join("key");
        let command = self.keygen(system, workshop, &private)?;
        match system.run(&command) {
            Err(SystemError::Unknown(why)) => {
                outcome.values.insert("ssh_key_file".into(), self.path.display().to_string().into());
                for name in ["ssh_public_key", "ssh_fingerprint"] {
                    outcome.values.insert(name.into(), Value::Unknown(why.clone()));
                }
                return Ok(());
            }
            ran => super::must_succeed("make an SSH key", ran)?,
        }
        let missing = || Failure::new("ssh-keygen made no key");
        let secret = system.read(&private)?.ok_or_else(missing)?;
        let key = system.read(&public(&private))?.ok_or_else(missing)?;
        let key = self.place(system, &secret, &key)?;
        describe(system, &self.path, &key, outcome);
        Ok(())
    }

    /// Puts both halves beside their places, the private one first, and then names the private one: who does that first
    /// has made the key. A public half that is alone under its name of before tells a later run that it is still to be
    /// named. Gives the public key that is there in the end.
    fn place(&self, system: &mut dyn System, secret: &[u8], key: &[u8]) -> Result<Vec<u8>, Failure> {
        let held = self.directory(system)?;
        let file = |path: &Path| held.file(path.file_name().unwrap_or_default());
        let (private, public) = (self.path.clone(), public(&self.path));
        let (new_private, new_public) = (unnamed(&private, system), unnamed(&public, system));
        let owner = |mode| Attributes { mode: Some(mode), uid: Some(self.uid), gid: Some(self.gid) };
        let was_cut_off = held.named(system.stat(&file(&new_public), false))?.is_some()
            && held.named(system.stat(&file(&new_private), false))?.is_none();
        if was_cut_off && !self.force && held.named(system.stat(&file(&private), false))?.is_some() {
            held.named(system.rename(&file(&new_public), &file(&public)))?;
            return Ok(held.named(system.read_guarded(&file(&public), LONGEST))?.unwrap_or_default());
        }
        held.named(system.write(&file(&new_private), secret, owner(0o600)))?;
        held.named(system.write(&file(&new_public), key, owner(0o644)))?;
        let is_ours = if self.force {
            held.named(system.rename(&file(&new_private), &file(&private))).map(|()| true)?
        } else {
            held.named(system.rename_new(&file(&new_private), &file(&private)))?
        };
        if is_ours {
            held.named(system.rename(&file(&new_public), &file(&public)))?;
            return Ok(key.to_vec());
        }
        held.named(system.remove(&file(&new_public)))?;
        held.named(system.remove(&file(&new_private)))?;
        Ok(held.named(system.read_guarded(&file(&public), LONGEST))?.unwrap_or_default())
    }

    fn keygen(&self, system: &mut dyn System, workshop: &Path, private: &Path) -> Result<Command, Failure> {
        let comment = match &self.comment {
            Some(comment) => comment.clone(),
            None => format!("ansible-generated on {}", system.host_name()),
        };
        let mut argv: Vec<OsString> =
            ["ssh-keygen", "-q", "-t", &self.kind, "-C", &comment, "-f"].map(Into::into).into();
        argv.push(private.into());
        if let Some(bits) = self.bits {
            argv.extend(["-b".into(), bits.to_string().into()]);
        }
        let mut command = Command { argv, ..Command::default() };
        match &self.passphrase {
            None => command.argv.extend(["-N".into(), "".into()]),
            Some(passphrase) => {
                let (file, asker) = (workshop.join("passphrase"), workshop.join("ask"));
                let owner = |mode| Attributes { mode: Some(mode), uid: Some(Uid::ROOT), gid: Some(Gid::ROOT) };
                system.write(&file, format!("{}\n", passphrase.reveal()).as_bytes(), owner(0o600))?;
                let script = format!("#!/bin/sh\nexec cat '{}'\n", file.display());
                system.write(&asker, script.as_bytes(), owner(0o700))?;
                command.environment = vec![
                    ("SSH_ASKPASS".into(), asker.display().to_string()),
                    ("SSH_ASKPASS_REQUIRE".into(), "force".into()),
                ];
            }
        }
        Ok(command)
    }

    /// The key's directory, held; made if it is missing in the home. A link in its place is refused.
    fn directory(&self, system: &mut dyn System) -> Result<Held, Failure> {
        let directory = self.path.parent().unwrap_or(Path::new("/"));
        if !directory.starts_with(&self.home) {
            return match system.stat(directory, false)? {
                Some(stat) if stat.kind == FileKind::Directory => Ok(Held::by_name(directory)),
                Some(_) => Err(Failure::new(format!("{} is not a directory", directory.display()))),
                None => Err(Failure::new(format!("{} does not exist", directory.display()))),
            };
        }
        match system.hold(&self.home, directory)? {
            Some(held) => Ok(held),
            None => {
                let owner = Attributes { mode: Some(0o700), uid: Some(self.uid), gid: Some(self.gid) };
                Ok(held::make_directory(system, &self.home, directory, owner)?)
            }
        }
    }
}
