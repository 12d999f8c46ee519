//! Values that come in parts: a domain controller sends at most 1500 of an attribute at a time, as `member;range=0-1499`,
//! and leaves `member` itself empty ([MS-ADTS] 3.1.1.3.1.3.3). Who takes that for all of them sees a large group without members.

use super::trouble::Trouble;
use super::wire::{Where, Wire};
use crate::entry::{COUNTER, Entry};

/// How often an entry that changes between its parts is read from the start.
const TRIES: usize = 3;

/// At most so many parts of one attribute are taken: far more than any group has.
const MOST_PARTS: usize = 10_000;

/// The entries, each with all values of each attribute; `read` is what was read of them.
pub(super) fn whole(wire: &mut Wire, entries: Vec<Entry>, read: &[&str]) -> Result<Vec<Entry>, Trouble> {
    entries.into_iter().map(|entry| whole_one(wire, entry, read)).collect()
}

fn whole_one(wire: &mut Wire, mut entry: Entry, read: &[&str]) -> Result<Entry, Trouble> {
    for _ in 0..TRIES {
        if let Some(whole) = completed(wire, &entry)? {
            return Ok(whole);
        }
        entry = one(wire, &entry.dn, read)?;
    }
    Err(Trouble::Untrue(format!("{} changes all the time while it is read", entry.dn)))
}

/// The entry with the rest of what it has in parts; `None` if it was changed meanwhile.
fn completed(wire: &mut Wire, entry: &Entry) -> Result<Option<Entry>, Trouble> {
    let mut whole = entry.clone();
    for part in entry.attributes().filter_map(|(name, _)| Part::of(name)) {
        let Some(values) = all_values(wire, entry, &part)? else { return Ok(None) };
        whole.take(&part.name());
        values.into_iter().for_each(|value| whole.add(&part.attribute, value));
    }
    Ok(Some(whole))
}

/// `None` if the entry was changed meanwhile: then some may be missing.
fn all_values(wire: &mut Wire, first: &Entry, start: &Part) -> Result<Option<Vec<Vec<u8>>>, Trouble> {
    let (mut values, mut part) = (first.values(&start.name()).to_vec(), start.clone());
    for _ in 0..MOST_PARTS {
        let Some(last) = part.last else { return Ok(Some(values)) };
        let next = one(wire, &first.dn, &[&format!("{};range={}-*", part.attribute, last + 1), COUNTER])?;
        if next.text(COUNTER).is_none() {
            let why = "comes in parts, and does not show uSNChanged to this login: whether it is whole nobody can say";
            return Err(Trouble::Untrue(format!("{} {why}", first.dn)));
        }
        if next.text(COUNTER) != first.text(COUNTER) {
            return Ok(None);
        }
        let more = part_of(&next, &part.attribute)?;
        if more.first != last + 1 {
            break;
        }
        values.extend_from_slice(next.values(&more.name()));
        part = more;
    }
    Err(Trouble::Untrue(format!("{} sends parts of its {} that do not follow each other", first.dn, part.attribute)))
}

fn one(wire: &mut Wire, dn: &str, attributes: &[&str]) -> Result<Entry, Trouble> {
    let found = wire.search(dn, Where::Here, "(objectClass=*)", attributes)?;
    found.into_iter().next().ok_or_else(|| Trouble::Untrue(format!("{dn} goes while it is read")))
}

fn part_of(entry: &Entry, attribute: &str) -> Result<Part, Trouble> {
    let parts = entry.attributes().filter_map(|(name, _)| Part::of(name));
    let found = parts.into_iter().find(|part| part.attribute == attribute);
    found.ok_or_else(|| Trouble::Untrue(format!("{} does not send the rest of its {attribute}", entry.dn)))
}

/// `member;range=0-1499`; the last part ends in `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    attribute: String,
    first: u32,
    last: Option<u32>,
}

impl Part {
    fn of(name: &str) -> Option<Self> {
        let (attribute, range) = name.split_once(";range=")?;
        let (first, last) = range.split_once('-')?;
        let last = if last == "*" { None } else { Some(last.parse().ok().filter(|last| *last < u32::MAX)?) };
        Some(Self { attribute: attribute.to_owned(), first: first.parse().ok()?, last })
    }

    /// As the entry has it.
    fn name(&self) -> String {
        let last = self.last.map_or_else(|| "*".to_owned(), |last| last.to_string());
        format!("{};range={}-{last}", self.attribute, self.first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts() {
        let part = |first, last| Some(Part { attribute: "member".into(), first, last });
        assert_eq!(Part::of("member;range=0-1499"), part(0, Some(1499)));
        assert_eq!(Part::of("member;range=1500-*"), part(1500, None));
        assert_eq!(part(1500, None).unwrap().name(), "member;range=1500-*");
        for other in ["member", "member;range=", "member;range=a-b", "member;range=0-4294967295", "cn;lang-ko"] {
            assert_eq!(Part::of(other), None, "{other}");
        }
    }
}
