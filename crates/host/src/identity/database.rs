//! [`Database`]: the text of one account file, edited an entry at a time.

use super::AccountRefusal;
use super::entries::Entry;
use super::indexed::{Content, Indexed, Line, Slot, differing, lists};
use crate::identity::Gid;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// One account file. Comments, NIS lines (`+…`, `-…`), broken lines, order and a missing final newline stay byte for
/// byte; only the lines of edited entries change.
///
/// The file's lines are shared by all copies; a copy holds what it changed beside them, until [`Database::settle`]. So a
/// copy costs nothing, and an edit costs what it edits, however long the file is.
#[derive(Clone, Debug)]
pub struct Database<E> {
    lines: Arc<Indexed<E>>,
    changed: BTreeMap<Slot, Option<Line<E>>>,
    /// New lines: before the first NIS line, and at the end.
    added: [Vec<Line<E>>; 2],
}

/// Where an entry is.
enum Place {
    Slot(Slot),
    Added(usize, usize),
}

impl<E: Entry> PartialEq for Database<E> {
    fn eq(&self, other: &Self) -> bool {
        if Arc::ptr_eq(&self.lines, &other.lines) {
            self.changed == other.changed && self.added == other.added
        } else {
            self.text() == other.text()
        }
    }
}

impl<E: Entry> Eq for Database<E> {}

impl<E: Entry> Database<E> {
    /// Takes any bytes.
    pub fn parse(text: impl AsRef<[u8]>) -> Self {
        let lines = Arc::new(Indexed::read(text.as_ref()));
        Self { lines, changed: BTreeMap::new(), added: [Vec::new(), Vec::new()] }
    }

    /// The file's content.
    pub fn text(&self) -> Vec<u8> {
        let (mut text, mut is_open) = (Vec::new(), false);
        for (slot, line) in self.all_lines() {
            text.extend_from_slice(&line.text());
            text.push(b'\n');
            is_open = slot.is_some_and(|slot| self.lines.is_open(slot));
        }
        if is_open {
            text.pop();
        }
        text
    }

    /// The entries in file order, without what is not one.
    pub fn entries(&self) -> impl Iterator<Item = &E> {
        self.all_lines().filter_map(|(_, line)| line.entry())
    }

    /// The entries with the numbers of their lines, from 1.
    pub fn numbered(&self) -> impl Iterator<Item = (u32, &E)> {
        (1..).zip(self.all_lines()).filter_map(|(number, (_, line))| Some((number, line.entry()?)))
    }

    /// The numbers of lines that look like entries and are none to the C library.
    pub fn unread(&self) -> impl Iterator<Item = u32> {
        (1..).zip(self.all_lines()).filter(|(_, (_, line))| line.content == Content::Unread).map(|(number, _)| number)
    }

    /// The first entry with this key: the one that counts for every reader.
    pub fn get(&self, key: &str) -> Option<&E> {
        self.matching(self.lines.with_key(key), |entry| entry.key() == key).next()
    }

    /// The entries with this number: uid, gid, or first subordinate one.
    pub fn with_number(&self, number: u64) -> impl Iterator<Item = &E> {
        self.matching(self.lines.with_number(number), move |entry| entry.number() == Some(number))
    }

    /// The users whose primary group has this number.
    pub fn with_group(&self, gid: Gid) -> impl Iterator<Item = &E> {
        self.matching(self.lines.with_group(gid.into()), move |entry| entry.group() == Some(gid.into()))
    }

    /// The groups that say this name among their members or administrators, with or without blanks around it.
    pub fn with_mention(&self, name: &str) -> impl Iterator<Item = &E> {
        self.mentioning(name).map(|(entry, _)| entry)
    }

    /// The same; also whether some name in the group's lists has blanks behind it, so that a mention may be of no member.
    pub fn mentioning(&self, name: &str) -> impl Iterator<Item = (&E, bool)> {
        let indexed = self.lines.with_mention(name);
        let (head, tail) = self.with_changed(indexed);
        let part = move |slots: Vec<Slot>, added: usize| {
            let there = slots.into_iter().filter(move |slot| self.mentions(*slot, indexed, name));
            let there = there.filter_map(|slot| Some((self.line(slot)?.entry()?, self.lines.is_odd(slot))));
            let new = self.added[added].iter().filter_map(Line::entry).filter(move |entry| lists(*entry, name));
            there.chain(new.map(|entry| (entry, true)))
        };
        part(head, 0).chain(part(tail, 1))
    }

    /// Whether the entry at `slot` mentions the name; without a look at the whole list where the index tells.
    fn mentions(&self, slot: Slot, indexed: &[Slot], name: &str) -> bool {
        let Some(changed) = self.changed.get(&slot) else { return true };
        let Some(entry) = changed.as_ref().and_then(Line::entry) else { return false };
        let (gone, come) = differing(self.lines.line(slot).and_then(Line::entry), Some(entry));
        let is_name = |other: &&str| other.trim() == name;
        match (come.iter().any(is_name), gone.iter().any(is_name)) {
            (true, _) => true,
            (false, false) => indexed.contains(&slot),
            (false, true) => lists(entry, name),
        }
    }

    /// The lowest and the highest number in `range` that an entry has.
    pub fn extremes(&self, range: &RangeInclusive<u32>) -> Option<(u32, u32)> {
        let range = u64::from(*range.start())..=u64::from(*range.end());
        let is_used = |(number, _): &(u64, &[Slot])| self.with_number(*number).next().is_some();
        let here = self.edited().filter_map(|line| line.entry()?.number()).filter(|number| range.contains(number));
        let (mut low, mut high) = (here.clone().min(), here.max());
        let before = self.lines.numbers(range.clone()).find(is_used).map(|(number, _)| number);
        low = low.into_iter().chain(before).min();
        let after = self.lines.numbers(range).rev().find(is_used).map(|(number, _)| number);
        high = high.into_iter().chain(after).max();
        Some((u32::try_from(low?).ok()?, u32::try_from(high?).ok()?))
    }

    /// Replaces the entry with the same key, or adds it: at the end, but before the first NIS line, as shadow-utils
    /// do. Refuses a file with several entries of that key, or one that cannot be read.
    pub fn set(&mut self, entry: &E) -> Result<(), AccountRefusal> {
        match self.only_place_of(entry.key())? {
            Some(Place::Slot(slot)) if self.line(slot).and_then(Line::entry) == Some(entry) => {}
            Some(Place::Slot(slot)) => {
                // Back to what the file has: no change at all.
                if self.lines.line(slot).and_then(Line::entry) == Some(entry) {
                    self.changed.remove(&slot);
                } else {
                    self.changed.insert(slot, Some(Line::of(entry)));
                }
            }
            Some(Place::Added(part, at)) => self.added[part][at] = Line::of(entry),
            None => self.added[0].push(Line::of(entry)),
        }
        Ok(())
    }

    /// Removes the entry with this key, if there is one. Refuses a file with several, or one that cannot be read.
    pub fn remove(&mut self, key: &str) -> Result<(), AccountRefusal> {
        if let Some(place) = self.only_place_of(key)? {
            self.cut(place);
        }
        Ok(())
    }

    /// Removes every entry with this key.
    pub fn remove_all(&mut self, key: &str) {
        while let Some(place) = { self.places_of(key).next() } {
            self.cut(place);
        }
    }

    /// Adds an entry even if there is one with its key already, at the end.
    pub fn append(&mut self, entry: &E) {
        self.added[1].push(Line::of(entry));
    }

    /// Makes its changes part of the lines. Quick when no other copy is left; a copy that is left keeps the old ones.
    pub fn settle(&mut self) {
        if self.is_settled() {
            return;
        }
        let lines = Arc::make_mut(&mut self.lines);
        for (slot, line) in std::mem::take(&mut self.changed) {
            lines.put(slot, line);
        }
        for (part, added) in self.added.iter_mut().enumerate() {
            for line in added.drain(..) {
                lines.push(part == 1, line);
            }
        }
    }

    /// The first hole among ranges of numbers, for `ids::free_range`: the start of each range that is taken, in order,
    /// from `low` on or from where the last search has come to.
    pub(super) fn packed(&self, limits: (u64, u64, u64)) -> u64 {
        if self.changed.is_empty() { self.lines.packed(limits).unwrap_or(limits.0) } else { 0 }
    }

    /// Notes that there is no hole below `low`; see [`Database::packed`].
    pub(super) fn set_packed(&self, limits: (u64, u64, u64), low: u64) {
        if self.is_settled() {
            self.lines.set_packed(limits, low);
        }
    }

    /// The entries whose number is `from` or higher, by number.
    pub(super) fn by_number(&self, from: u64) -> impl Iterator<Item = &E> {
        let number = |entry: &&E| entry.number().unwrap_or_default();
        let mut edited: Vec<&E> = self.edited().filter_map(Line::entry).filter(|entry| number(entry) >= from).collect();
        edited.sort_by_key(number);
        let unchanged = |slot: &&Slot| !self.changed.contains_key(slot);
        let below = self.lines.numbers(from..).flat_map(|(_, slots)| slots).filter(unchanged);
        let mut below = below.filter_map(|slot| self.lines.line(*slot)?.entry()).peekable();
        let mut edited = edited.into_iter().peekable();
        std::iter::from_fn(move || match (below.peek(), edited.peek()) {
            (Some(one), Some(other)) if number(other) < number(one) => edited.next(),
            (None, _) => edited.next(),
            _ => below.next(),
        })
    }

    /// Whether both have the same reading of a file, not only the same content.
    #[cfg(test)]
    pub(super) fn shares_lines_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.lines, &other.lines)
    }

    fn is_settled(&self) -> bool {
        self.changed.is_empty() && self.added.iter().all(Vec::is_empty)
    }

    /// The lines that are not as in the file.
    fn edited(&self) -> impl Iterator<Item = &Line<E>> + Clone {
        self.changed.values().flatten().chain(self.added.iter().flatten())
    }

    fn line(&self, slot: Slot) -> Option<&Line<E>> {
        match self.changed.get(&slot) {
            Some(changed) => changed.as_ref(),
            None => self.lines.line(slot),
        }
    }

    /// Every line in file order; those that are new have no slot yet.
    fn all_lines(&self) -> impl Iterator<Item = (Option<Slot>, &Line<E>)> {
        [false, true].into_iter().flat_map(move |tail| {
            let slots = self.lines.slots(tail);
            let there = slots.filter_map(move |slot| Some((Some(slot), self.line(slot)?)));
            there.chain(self.added[usize::from(tail)].iter().map(|line| (None, line)))
        })
    }

    /// The entries among `slots`, and among what was edited, for which `is_meant` holds; in file order.
    fn matching(&self, slots: &[Slot], is_meant: impl Fn(&E) -> bool) -> impl Iterator<Item = &E> {
        let (head, tail) = self.with_changed(slots);
        let part = move |slots: Vec<Slot>, added: usize| {
            let there = slots.into_iter().filter_map(|slot| self.line(slot));
            there.chain(self.added[added].iter()).filter_map(Line::entry)
        };
        part(head, 0).chain(part(tail, 1)).filter(move |entry| is_meant(entry))
    }

    /// These slots and those that were changed, in file order: before the first NIS line, and from there on.
    fn with_changed(&self, slots: &[Slot]) -> (Vec<Slot>, Vec<Slot>) {
        let mut slots: Vec<Slot> = slots.iter().chain(self.changed.keys()).copied().collect();
        slots.sort_unstable();
        slots.dedup();
        slots.into_iter().partition(|slot| !slot.tail)
    }

    fn only_place_of(&self, key: &str) -> Result<Option<Place>, AccountRefusal> {
        let is_unread = |slot: &&Slot| self.line(**slot).is_some_and(|line| line.is_unread(key.as_bytes()));
        if let Some(unread) = self.lines.unread().iter().find(is_unread) {
            let number = self.all_lines().take_while(|(slot, _)| *slot != Some(*unread)).count() + 1;
            return Err(AccountRefusal::new(format!(
                "line {number} of /etc/{} is for '{key}' and cannot be read",
                E::FILE
            ))
            .hint("correct it with `vipw` or `vigr`; `pwck` and `grpck` say what is wrong"));
        }
        let mut places = self.places_of(key);
        match (places.next(), places.next()) {
            (_, Some(_)) => Err(AccountRefusal::new(format!("Multiple entries named '{key}' in /etc/{}", E::FILE))
                .hint("remove the wrong ones with `vipw` or `vigr`; `pwck` and `grpck` list them")),
            (only, None) => Ok(only),
        }
    }

    fn places_of(&self, key: &str) -> impl Iterator<Item = Place> {
        let has_key = move |line: &Line<E>| line.entry().is_some_and(|entry| entry.key() == key);
        let there = self.lines.with_key(key).iter().filter(move |slot| self.line(**slot).is_some_and(has_key));
        let added = self.added.iter().enumerate().flat_map(move |(part, lines)| {
            lines.iter().enumerate().filter(move |(_, line)| has_key(line)).map(move |(at, _)| Place::Added(part, at))
        });
        there.map(|slot| Place::Slot(*slot)).chain(added)
    }

    fn cut(&mut self, place: Place) {
        match place {
            Place::Slot(slot) => drop(self.changed.insert(slot, None)),
            Place::Added(part, at) => drop(self.added[part].remove(at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::entries::{Group, Passwd};
    use super::super::word_list::NameList;
    use super::*;
    use crate::identity::Uid;
    use proptest::prelude::*;

    const TEXT: &str = "root:x:0:0:root:/root:/bin/bash\n# by hand\nbroken:x\nann:x:1000:1000::/home/ann:/bin/sh\n\
                        +@net::::::\nzoe:x:1001:1001::/home/zoe:";

    fn ann() -> Passwd {
        Database::parse(TEXT).get("ann").cloned().unwrap()
    }

    #[test]
    fn a_new_entry_goes_before_the_first_nis_line() {
        let mut passwd = Database::parse(TEXT);
        let bob = Passwd { name: "bob".into(), ..ann() };
        passwd.set(&bob).unwrap();
        let expected = TEXT.replace("+@net", "bob:x:1000:1000::/home/ann:/bin/sh\n+@net");
        assert_eq!(String::from_utf8_lossy(&passwd.text()), expected);
        passwd.remove("bob").unwrap();
        assert_eq!(passwd.text(), TEXT.as_bytes());
    }

    #[test]
    fn a_missing_final_newline_stays_missing_unless_something_follows() {
        let mut passwd = Database::<Passwd>::parse(TEXT);
        let zoe = Passwd { shell: "/bin/sh".into(), ..passwd.get("zoe").cloned().unwrap() };
        passwd.set(&zoe).unwrap();
        assert_eq!(String::from_utf8_lossy(&passwd.text()), format!("{TEXT}/bin/sh"));
        let mut group = Database::<Group>::parse("a:x:1:");
        group.set(&Group { name: "b".into(), password: "x".into(), gid: Gid(2), members: NameList::NONE }).unwrap();
        assert_eq!(group.text(), b"a:x:1:\nb:x:2:\n");
    }

    #[test]
    fn an_entry_that_cannot_be_read_is_no_place_for_another() {
        let mut passwd = Database::<Passwd>::parse("root:x:0:0:::\nbob:x:one:1:::\n");
        let refused = passwd.set(&Passwd { name: "bob".into(), ..ann() }).unwrap_err();
        assert_eq!(refused.message, "line 2 of /etc/passwd is for 'bob' and cannot be read");
        assert!(passwd.get("bob").is_none() && passwd.remove("bob").is_err());
        passwd.set(&ann()).unwrap();
    }

    #[test]
    fn copies_are_apart_and_settled_ones_are_found_by_everything() {
        let first = Database::<Passwd>::parse(TEXT);
        let mut second = first.clone();
        second.set(&Passwd { name: "bob".into(), uid: Uid(1005), gid: Gid(7), ..ann() }).unwrap();
        second.set(&Passwd { gid: Gid(7), ..ann() }).unwrap();
        second.remove("zoe").unwrap();
        for _ in 0..2 {
            assert!(first.get("bob").is_none() && first.with_group(Gid(7)).next().is_none());
            assert_eq!(second.with_group(Gid(7)).map(|user| user.name.as_str()).collect::<Vec<_>>(), ["ann", "bob"]);
            assert_eq!(second.extremes(&(1000..=2000)), Some((1000, 1005)));
            assert!(second.with_group(Gid(1000)).next().is_none() && second.get("zoe").is_none());
            assert_eq!(first.text(), TEXT.as_bytes());
            assert!(second != first);
            second.settle();
        }
        assert_eq!(second, Database::parse(second.text()));
        let mut same = first.clone();
        same.set(&Passwd { gid: Gid(7), ..ann() }).unwrap();
        same.set(&ann()).unwrap();
        assert_eq!(same, first, "there and back is no change");
    }

    #[test]
    fn several_entries_of_one_name_are_not_edited() {
        let mut group = Database::<Group>::parse("a:x:1:\na:x:2:\n");
        let refused = group.remove("a").unwrap_err();
        assert_eq!(refused.message, "Multiple entries named 'a' in /etc/group");
        assert_eq!(group.get("a").unwrap().gid, Gid(1));
    }

    fn line() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            "[a-c]:x:[0-9]{1,3}:[0-9]{1,3}:[a-z]{0,3}:/h:/s".prop_map(String::into_bytes),
            "[+#:a-c-]{0,6}".prop_map(String::into_bytes),
            prop::collection::vec(any::<u8>(), 0..12),
        ]
    }

    fn text() -> impl Strategy<Value = Vec<u8>> {
        (prop::collection::vec(line(), 0..8), any::<bool>()).prop_map(|(lines, newline)| {
            let mut text = lines.join(&b'\n');
            if newline {
                text.push(b'\n');
            }
            text
        })
    }

    fn lines_without(text: &[u8], key: &str) -> Vec<Vec<u8>> {
        text.split(|byte| *byte == b'\n')
            .filter(|line| !(line.is_empty() || Database::<Passwd>::parse(line).get(key).is_some()))
            .map(<[u8]>::to_vec)
            .collect()
    }

    proptest! {
        #[test]
        fn any_bytes_are_kept(text in prop::collection::vec(any::<u8>(), 0..200)) {
            let database = Database::<Passwd>::parse(text.clone());
            let _ = database.entries().count();
            prop_assert_eq!(database.text(), &text[..]);
        }

        #[test]
        fn an_edit_changes_the_wanted_line_only(text in text(), key in "[a-c]") {
            let before = Database::<Passwd>::parse(text.clone());
            let other = lines_without(&text, &key);
            let mut edited = before.clone();
            let wanted = Passwd { name: key.clone(), gecos: b"new".to_vec(), ..ann() };
            if edited.set(&wanted).is_ok() {
                prop_assert_eq!(edited.get(&key), Some(&wanted));
                prop_assert_eq!(lines_without(&edited.text(), &key), other.clone());
                let copy = edited.clone();
                edited.settle();
                prop_assert_eq!(edited.text(), copy.text());
                prop_assert_eq!(edited.get(&key), Some(&wanted));
                edited.remove(&key).unwrap();
                prop_assert_eq!(lines_without(&edited.text(), &key), other.clone());
                prop_assert_eq!(edited.get(&key), None);
            } else {
                prop_assert_eq!(edited.text(), &text[..]);
            }
        }
    }
}
