//! SSH keys: `sshPublicKey` of openssh-lpk, one key a value.

use super::mirror::Mirror;
use super::{Decision, Rules, arguments};
use crate::entry::{Edit, Entry, Write};
use host::change::outcome::Failure;
use host::change::{Action, Change};
use host::identity::authorized_keys::{PublicKey, keys, with_keys, without_keys};
use words::value::Map;

const ATTRIBUTE: &str = "sshPublicKey";

/// A key that a person shall have; other keys stay.
pub(super) fn present(args: &Map, mirror: &Mirror, rules: &Rules) -> Result<Decision, Failure> {
    let (name, wanted) = named(args)?;
    let no_entry = || Failure::new(format!("the directory has no user {name}"));
    let entry = mirror.person(name)?.ok_or_else(no_entry)?;
    let old = joined(entry);
    let new = with_keys(&old, &wanted, false);
    decision(entry, old, new, rules)
}

/// A key that a person shall not have any more.
pub(super) fn absent(args: &Map, mirror: &Mirror, rules: &Rules) -> Result<Decision, Failure> {
    let (name, unwanted) = named(args)?;
    let Some(entry) = mirror.person(name)? else { return Ok(Decision::default()) };
    let old = joined(entry);
    let new = without_keys(&old, &unwanted);
    decision(entry, old, new, rules)
}

fn named(args: &Map) -> Result<(&str, Vec<PublicKey>), Failure> {
    let key = arguments::required(args, "key")?;
    let keys = keys(key).map_err(|_| Failure::new("the key is none that sshd takes"))?;
    Ok((arguments::required(args, "user")?, keys))
}

/// The values as lines of a file. One that ends in a newline is the same key.
fn joined(entry: &Entry) -> Vec<u8> {
    let values = entry.values(ATTRIBUTE).iter();
    values.flat_map(|value| [value.trim_ascii(), b"\n"].concat()).collect()
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

fn decision(entry: &Entry, old: Vec<u8>, new: Vec<u8>, rules: &Rules) -> Result<Decision, Failure> {
    if old == new {
        return Ok(Decision::default());
    }
    super::user::owned(entry, rules)?;
    if !rules.shape.keys {
        return Err(Failure::new("this server's schema has no sshPublicKey")
            .hint("load the schema openssh-lpk there, or take the keys out of the roster"));
    }
    let edits = edits(entry, &old, &new);
    let shown = |text: &[u8]| (!text.is_empty()).then(|| String::from_utf8_lossy(text).into_owned());
    let action = if old.is_empty() { Action::Create } else { Action::Update };
    let change = Change::new(action, "authorized_key", entry.dn.as_str()).text(ATTRIBUTE, shown(&old), shown(&new));
    Ok(Decision { changes: vec![change], writes: vec![Write::Modify { dn: entry.dn.clone(), edits }] })
}

fn edits(entry: &Entry, old: &[u8], new: &[u8]) -> Vec<Edit> {
    let goes = |value: &&Vec<u8>| !lines(new).any(|line| line == value.trim_ascii());
    let remove: Vec<_> = entry.values(ATTRIBUTE).iter().filter(goes).cloned().collect();
    let add: Vec<_> = lines(new).filter(|line| !lines(old).any(|was| was == *line)).map(<[u8]>::to_vec).collect();
    let class = (!entry.is_a("ldapPublicKey") && !add.is_empty()).then(|| Edit::add("objectClass", "ldapPublicKey"));
    class.into_iter().chain([Edit { attribute: ATTRIBUTE, remove, add }]).collect()
}
