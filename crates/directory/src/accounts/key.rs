//! SSH keys: `sshPublicKey` of openssh-lpk or what the server has instead, one key a value.

use super::mirror::Mirror;
use super::{Decision, Rules, arguments};
use crate::entry::{Edit, Entry, Write};
use crate::schema::Keys;
use host::change::outcome::Failure;
use host::change::{Action, Change};
use host::identity::authorized_keys::{PublicKey, keys, with_keys, without_keys};
use words::value::Map;

/// A key that a person shall have; other keys stay.
pub(super) fn present(args: &Map, mirror: &Mirror, rules: &Rules) -> Result<Decision, Failure> {
    let (name, wanted) = named(args)?;
    let no_entry = || Failure::new(format!("the directory has no user {name}"));
    let entry = mirror.person(name)?.ok_or_else(no_entry)?;
    let at = place(rules)?;
    let old = joined(entry.values(at.attribute));
    let new = with_keys(&old, &wanted, false);
    decision(entry, at, old, new, rules)
}

/// A key that a person shall not have any more.
pub(super) fn absent(args: &Map, mirror: &Mirror, rules: &Rules) -> Result<Decision, Failure> {
    let (name, unwanted) = named(args)?;
    let Some(entry) = mirror.person(name)? else { return super::user::gone(name, mirror.without_number(name)) };
    // Where there is no place for keys, nobody has one.
    let Ok(at) = place(rules) else { return Ok(Decision::default()) };
    let old = joined(entry.values(at.attribute));
    let new = without_keys(&old, &unwanted);
    decision(entry, at, old, new, rules)
}

fn place(rules: &Rules) -> Result<Keys, Failure> {
    let load = "load one there (openssh-lpk), name another attribute as `key_attribute` of the directory";
    let none = || Failure::new("this server's schema has no attribute for keys");
    rules.shape.keys.ok_or_else(|| none().hint(format!("{load}, or take the keys out of the roster")))
}

fn named(args: &Map) -> Result<(&str, Vec<PublicKey>), Failure> {
    let key = arguments::required(args, "key")?;
    let keys = keys(key).map_err(|_| Failure::new("the key is none that sshd takes"))?;
    Ok((arguments::required(args, "user")?, keys))
}

/// The values as lines of a file. One that ends in a newline is the same key; one of several lines holds several.
fn joined(values: &[Vec<u8>]) -> Vec<u8> {
    values.iter().flat_map(|value| lines(value)).flat_map(|line| [line, b"\n"].concat()).collect()
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty())
}

fn decision(entry: &Entry, at: Keys, old: Vec<u8>, new: Vec<u8>, rules: &Rules) -> Result<Decision, Failure> {
    if old == new {
        return Ok(Decision::default());
    }
    super::user::owned(entry, rules)?;
    let edits = edits(entry, at, &new);
    let shown = |text: &[u8]| (!text.is_empty()).then(|| String::from_utf8_lossy(text).into_owned());
    let action = if old.is_empty() { Action::Create } else { Action::Update };
    let change = Change::new(action, "authorized_key", entry.dn.as_str()).text(at.attribute, shown(&old), shown(&new));
    Ok(Decision {
        changes: vec![change],
        writes: vec![Write::Modify { dn: entry.dn.clone(), edits }],
        warnings: Vec::new(),
    })
}

/// A value stays if all of its lines do. Lines that stay of one that goes come back as values of their own.
fn edits(entry: &Entry, at: Keys, new: &[u8]) -> Vec<Edit> {
    let stays = |value: &&Vec<u8>| lines(value).all(|line| lines(new).any(|wanted| wanted == line));
    let (kept, remove): (Vec<_>, Vec<_>) = entry.values(at.attribute).iter().partition(stays);
    let is_kept = |line: &&[u8]| kept.iter().any(|value| lines(value).any(|one| one == *line));
    let mut add: Vec<_> = lines(new).filter(|line| !is_kept(line)).map(<[u8]>::to_vec).collect();
    add.dedup();
    let class = at.class.filter(|class| !entry.is_a(class) && !add.is_empty());
    let class = class.map(|class| Edit::add("objectClass", class));
    let keys = Edit { attribute: at.attribute, remove: remove.into_iter().cloned().collect(), add };
    class.into_iter().chain([keys]).collect()
}
