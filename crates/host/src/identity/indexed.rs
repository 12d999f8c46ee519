//! [`Indexed`]: the lines of one account file, each read once and found by name, number and member without a search.

use super::entries::Entry;
use super::word_list::NameList;
use foldhash::HashMap;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Mutex;

/// A line and what it is.
#[derive(Clone, Debug)]
pub(super) struct Line<E> {
    /// As it is in the file; `None` for an entry that was edited, which is printed when the file is.
    text: Option<Vec<u8>>,
    pub(super) content: Content<E>,
}

impl<E: Entry> PartialEq for Line<E> {
    fn eq(&self, other: &Self) -> bool {
        match (self.entry(), other.entry()) {
            (Some(one), Some(two)) => one == two,
            _ => self.text == other.text,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Content<E> {
    Entry(E),
    /// Looks like an entry, and the C library takes it for none.
    Unread,
    /// A NIS line: `+…` or `-…`.
    Nis,
    /// A comment or nothing.
    Comment,
}

impl<E: Entry> Line<E> {
    /// As the C library reads it: blanks before it and comments do not count.
    fn read(text: &[u8]) -> Self {
        let bare = text.trim_ascii_start();
        let content = match bare.first() {
            None | Some(b'#') => Content::Comment,
            Some(b'+' | b'-') => Content::Nis,
            Some(_) => E::parse(bare).map_or(Content::Unread, Content::Entry),
        };
        Self { text: Some(text.to_vec()), content }
    }

    pub(super) fn of(entry: &E) -> Self {
        Self { text: None, content: Content::Entry(entry.clone()) }
    }

    pub(super) fn text(&self) -> Cow<'_, [u8]> {
        match (&self.text, &self.content) {
            (Some(text), _) => text.into(),
            (None, Content::Entry(entry)) => entry.print().into(),
            (None, _) => Cow::default(),
        }
    }

    pub(super) fn entry(&self) -> Option<&E> {
        if let Content::Entry(entry) = &self.content { Some(entry) } else { None }
    }

    /// Whether it is meant to be the entry called `key`, and cannot be read.
    pub(super) fn is_unread(&self, key: &[u8]) -> bool {
        let bare = self.text.as_deref().unwrap_or_default().trim_ascii_start();
        self.content == Content::Unread && bare.starts_with(key) && bare.get(key.len()) == Some(&b':')
    }
}

/// Where a line is: before the first NIS line, where new entries go, or from there on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot {
    pub(super) tail: bool,
    at: usize,
}

/// Lowest and highest number asked for, and a bound of choice: what a remembered hole was looked up for.
type Limits = (u64, u64, u64);

/// The lines of a file. A line that goes leaves its slot empty, so that slots stay what they are.
#[derive(Debug)]
pub(super) struct Indexed<E> {
    head: Vec<Option<Line<E>>>,
    tail: Vec<Option<Line<E>>>,
    /// The last line, when the file does not end with a newline.
    open: Option<Slot>,
    by_key: HashMap<String, Vec<Slot>>,
    by_number: BTreeMap<u64, Vec<Slot>>,
    by_group: HashMap<u64, Vec<Slot>>,
    /// By the names in lists, without blanks around them.
    by_mention: HashMap<String, Vec<Slot>>,
    /// Entries with a name in a list that has blanks behind it.
    odd: BTreeSet<Slot>,
    unread: Vec<Slot>,
    /// Below which number there is no hole, for which limits; see `ids::free_range`.
    packed: Mutex<Option<(Limits, u64)>>,
}

impl<E: Clone> Clone for Indexed<E> {
    fn clone(&self) -> Self {
        Self {
            head: self.head.clone(),
            tail: self.tail.clone(),
            open: self.open,
            by_key: self.by_key.clone(),
            by_number: self.by_number.clone(),
            by_group: self.by_group.clone(),
            by_mention: self.by_mention.clone(),
            odd: self.odd.clone(),
            unread: self.unread.clone(),
            packed: Mutex::new(None),
        }
    }
}

impl<E: Entry> Indexed<E> {
    pub(super) fn read(text: &[u8]) -> Self {
        let mut all = Self {
            head: Vec::new(),
            tail: Vec::new(),
            open: None,
            by_key: HashMap::default(),
            by_number: BTreeMap::new(),
            by_group: HashMap::default(),
            by_mention: HashMap::default(),
            odd: BTreeSet::new(),
            unread: Vec::new(),
            packed: Mutex::new(None),
        };
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            let bare = line.strip_suffix(b"\n");
            let read = Line::read(bare.unwrap_or(line));
            let slot = all.push(!all.tail.is_empty() || read.content == Content::Nis, read);
            all.open = if bare.is_some() { None } else { Some(slot) };
        }
        all
    }

    pub(super) fn line(&self, slot: Slot) -> Option<&Line<E>> {
        let part = if slot.tail { &self.tail } else { &self.head };
        part.get(slot.at).and_then(Option::as_ref)
    }

    /// The slots of one part, in file order.
    pub(super) fn slots(&self, tail: bool) -> impl Iterator<Item = Slot> + use<E> {
        let length = if tail { self.tail.len() } else { self.head.len() };
        (0..length).map(move |at| Slot { tail, at })
    }

    pub(super) fn is_open(&self, slot: Slot) -> bool {
        self.open == Some(slot)
    }

    pub(super) fn with_key(&self, key: &str) -> &[Slot] {
        self.by_key.get(key).map_or(&[], Vec::as_slice)
    }

    pub(super) fn with_number(&self, number: u64) -> &[Slot] {
        self.by_number.get(&number).map_or(&[], Vec::as_slice)
    }

    pub(super) fn with_group(&self, number: u64) -> &[Slot] {
        self.by_group.get(&number).map_or(&[], Vec::as_slice)
    }

    pub(super) fn with_mention(&self, name: &str) -> &[Slot] {
        self.by_mention.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether a name in a list of the entry has blanks behind it.
    pub(super) fn is_odd(&self, slot: Slot) -> bool {
        self.odd.contains(&slot)
    }

    pub(super) fn unread(&self) -> &[Slot] {
        &self.unread
    }

    /// Numbers that entries have, in order, with their slots.
    pub(super) fn numbers(
        &self,
        range: impl std::ops::RangeBounds<u64>,
    ) -> impl DoubleEndedIterator<Item = (u64, &[Slot])> {
        self.by_number.range(range).map(|(number, slots)| (*number, slots.as_slice()))
    }

    pub(super) fn packed(&self, limits: Limits) -> Option<u64> {
        let packed = self.packed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        packed.filter(|(known, _)| *known == limits).map(|(_, low)| low)
    }

    pub(super) fn set_packed(&self, limits: Limits, low: u64) {
        *self.packed.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some((limits, low));
    }

    /// Adds a line at the end of one part.
    pub(super) fn push(&mut self, tail: bool, line: Line<E>) -> Slot {
        let part = if tail { &mut self.tail } else { &mut self.head };
        let slot = Slot { tail, at: part.len() };
        part.push(None);
        self.put(slot, Some(line));
        slot
    }

    /// Exchanges a line, or takes it away.
    pub(super) fn put(&mut self, slot: Slot, line: Option<Line<E>>) {
        let part = if slot.tail { &mut self.tail } else { &mut self.head };
        let old = part[slot.at].take();
        let (before, after) = (old.as_ref().and_then(Line::entry), line.as_ref().and_then(Line::entry));
        for name in unlisted(before, after) {
            drop_from(&mut self.by_mention, name, slot);
        }
        for name in differing(before, after).1 {
            add(self.by_mention.entry(name.trim().to_owned()).or_default(), slot);
            if name.trim_ascii_end() != name {
                self.odd.insert(slot);
            }
        }
        old.iter().for_each(|old| self.forget(slot, old));
        line.iter().for_each(|line| self.note(slot, line));
        let part = if slot.tail { &mut self.tail } else { &mut self.head };
        part[slot.at] = line;
    }

    fn note(&mut self, slot: Slot, line: &Line<E>) {
        let Some(entry) = line.entry() else {
            if line.content == Content::Unread {
                self.unread.push(slot);
            }
            return;
        };
        add(self.by_key.entry(entry.key().to_owned()).or_default(), slot);
        if let Some(number) = entry.number() {
            add(self.by_number.entry(number).or_default(), slot);
        }
        if let Some(group) = entry.group() {
            add(self.by_group.entry(group).or_default(), slot);
        }
    }

    fn forget(&mut self, slot: Slot, line: &Line<E>) {
        *self.packed.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner) = None;
        let Some(entry) = line.entry() else {
            return self.unread.retain(|other| *other != slot);
        };
        drop_from(&mut self.by_key, entry.key(), slot);
        if let Some(group) = entry.group() {
            drop_from(&mut self.by_group, &group, slot);
        }
        if let Some(number) = entry.number()
            && let Some(slots) = self.by_number.get_mut(&number)
        {
            slots.retain(|other| *other != slot);
            if slots.is_empty() {
                self.by_number.remove(&number);
            }
        }
    }
}

/// The names in the parts of two entries' lists that differ: of `before`, and of `after`. A name may be in both.
pub(super) fn differing<'a, E: Entry>(before: Option<&'a E>, after: Option<&'a E>) -> (Vec<&'a str>, Vec<&'a str>) {
    static NONE: NameList = NameList::NONE;
    let lists = |entry: Option<&'a E>| entry.map_or([None; 2], Entry::lists).map(|list| list.unwrap_or(&NONE));
    let (old, new) = (lists(before), lists(after));
    let (mut gone, mut come) = old[0].differing(new[0]);
    let (also_gone, also_come) = old[1].differing(new[1]);
    gone.extend(also_gone);
    come.extend(also_come);
    (gone, come)
}

/// The names, without blanks around them, that `before` lists and `after` does not list at all.
fn unlisted<'a, E: Entry>(before: Option<&'a E>, after: Option<&'a E>) -> Vec<&'a str> {
    let (gone, come) = differing(before, after);
    let come: HashSet<&str> = come.into_iter().map(str::trim).collect();
    let gone = gone.into_iter().map(str::trim).filter(|name| !come.contains(name));
    gone.filter(|name| !after.is_some_and(|after| lists(after, name))).collect()
}

/// Whether a list of the entry has this name, with or without blanks around it.
pub(super) fn lists<E: Entry>(entry: &E, name: &str) -> bool {
    entry.lists().into_iter().flatten().flat_map(NameList::iter).any(|other| other.trim() == name)
}

fn drop_from<K, Q>(map: &mut HashMap<K, Vec<Slot>>, key: &Q, slot: Slot)
where
    K: std::borrow::Borrow<Q> + std::hash::Hash + Eq,
    Q: std::hash::Hash + Eq + ?Sized,
{
    if let Some(slots) = map.get_mut(key) {
        slots.retain(|other| *other != slot);
        if slots.is_empty() {
            map.remove(key);
        }
    }
}

/// In file order, once.
fn add(slots: &mut Vec<Slot>, slot: Slot) {
    if let Err(at) = slots.binary_search(&slot) {
        slots.insert(at, slot);
    }
}
