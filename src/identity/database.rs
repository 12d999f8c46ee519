//! [`Database`]: the text of one account file, edited an entry at a time.

use super::Refusal;
use super::entries::Entry;
use std::marker::PhantomData;
use std::ops::Range;

/// One account file. Comments, NIS lines (`+…`, `-…`), broken lines, order and a missing final newline stay byte for
/// byte; only the lines of edited entries change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database<E> {
    text: Vec<u8>,
    entry: PhantomData<E>,
}

impl<E: Entry> Database<E> {
    /// Takes any bytes.
    pub fn parse(text: impl Into<Vec<u8>>) -> Self {
        Self { text: text.into(), entry: PhantomData }
    }

    /// The file's content.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The entries in file order, without what is not one.
    pub fn entries(&self) -> impl Iterator<Item = E> {
        self.lines().filter_map(|range| parse_line(&self.text[range]))
    }

    /// The first entry with this key: the one that counts for every reader.
    pub fn get(&self, key: &str) -> Option<E> {
        self.ranges_of(key).next().and_then(|range| parse_line(&self.text[range]))
    }

    /// Replaces the entry with the same key, or adds it: at the end, but before the first NIS line, as shadow-utils
    /// do. Refuses a file with several entries of that key.
    pub fn set(&mut self, entry: &E) -> Result<(), Refusal> {
        match self.only_range_of(entry.key())? {
            Some(range) if parse_line::<E>(&self.text[range.clone()]).as_ref() == Some(entry) => {}
            Some(range) => drop(self.text.splice(range, entry.print())),
            None => self.insert(entry),
        }
        Ok(())
    }

    /// Removes the entry with this key, if there is one. Refuses a file with several.
    pub fn remove(&mut self, key: &str) -> Result<(), Refusal> {
        if let Some(range) = self.only_range_of(key)? {
            self.cut(range);
        }
        Ok(())
    }

    /// Removes every entry with this key.
    pub fn remove_all(&mut self, key: &str) {
        while let Some(range) = { self.ranges_of(key).next() } {
            self.cut(range);
        }
    }

    /// Adds an entry even if there is one with its key already, at the end.
    pub fn append(&mut self, entry: &E) {
        self.insert_at(self.text.len(), entry);
    }

    fn insert(&mut self, entry: &E) {
        let nis = self.lines().find(|range| matches!(self.text.get(range.start), Some(b'+' | b'-')));
        self.insert_at(nis.map_or(self.text.len(), |range| range.start), entry);
    }

    fn insert_at(&mut self, at: usize, entry: &E) {
        let mut line = entry.print();
        line.push(b'\n');
        if at > 0 && self.text[at - 1] != b'\n' {
            line.insert(0, b'\n');
        }
        self.text.splice(at..at, line);
    }

    fn cut(&mut self, mut line: Range<usize>) {
        if line.end < self.text.len() {
            line.end += 1;
        }
        self.text.drain(line);
    }

    fn only_range_of(&self, key: &str) -> Result<Option<Range<usize>>, Refusal> {
        let mut ranges = self.ranges_of(key);
        match (ranges.next(), ranges.next()) {
            (_, Some(_)) => Err(Refusal::new(format!("Multiple entries named '{key}' in /etc/{}", E::FILE))
                .hint("remove the wrong ones with `vipw` or `vigr`; `pwck` and `grpck` list them")),
            (only, None) => Ok(only),
        }
    }

    /// Where the entries with this key are, without their newline.
    fn ranges_of(&self, key: &str) -> impl Iterator<Item = Range<usize>> {
        self.lines().filter(move |range| {
            let line = &self.text[range.clone()];
            line.starts_with(key.as_bytes()) && line.get(key.len()) == Some(&b':') && parse_line::<E>(line).is_some()
        })
    }

    /// Every line's place in the text, without its newline.
    fn lines(&self) -> impl Iterator<Item = Range<usize>> {
        let mut start = 0;
        self.text.split_inclusive(|byte| *byte == b'\n').map(move |line| {
            let end = start + line.len();
            let content = start..end - usize::from(line.ends_with(b"\n"));
            start = end;
            content
        })
    }
}

/// A line as an entry; NIS lines and comments are none.
fn parse_line<E: Entry>(line: &[u8]) -> Option<E> {
    match line.first()? {
        b'+' | b'-' | b'#' => None,
        _ => E::parse(line),
    }
}

#[cfg(test)]
mod tests {
    use super::super::entries::{Group, Passwd};
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "root:x:0:0:root:/root:/bin/bash\n# by hand\nbroken:x\nann:x:1000:1000::/home/ann:/bin/sh\n\
                        +@net::::::\nzoe:x:1001:1001::/home/zoe:";

    fn ann() -> Passwd {
        Database::parse(TEXT).get("ann").unwrap()
    }

    #[test]
    fn a_new_entry_goes_before_the_first_nis_line() {
        let mut passwd = Database::parse(TEXT);
        let bob = Passwd { name: "bob".into(), ..ann() };
        passwd.set(&bob).unwrap();
        let expected = TEXT.replace("+@net", "bob:x:1000:1000::/home/ann:/bin/sh\n+@net");
        assert_eq!(String::from_utf8_lossy(passwd.text()), expected);
        passwd.remove("bob").unwrap();
        assert_eq!(passwd.text(), TEXT.as_bytes());
    }

    #[test]
    fn a_missing_final_newline_stays_missing_unless_something_follows() {
        let mut passwd = Database::<Passwd>::parse(TEXT);
        let zoe = Passwd { shell: "/bin/sh".into(), ..passwd.get("zoe").unwrap() };
        passwd.set(&zoe).unwrap();
        assert_eq!(String::from_utf8_lossy(passwd.text()), format!("{TEXT}/bin/sh"));
        let mut group = Database::<Group>::parse("a:x:1:");
        group.set(&Group { name: "b".into(), password: "x".into(), gid: 2, members: Vec::new() }).unwrap();
        assert_eq!(group.text(), b"a:x:1:\nb:x:2:\n");
    }

    #[test]
    fn several_entries_of_one_name_are_not_edited() {
        let mut group = Database::<Group>::parse("a:x:1:\na:x:2:\n");
        let refused = group.remove("a").unwrap_err();
        assert_eq!(refused.message, "Multiple entries named 'a' in /etc/group");
        assert_eq!(group.get("a").unwrap().gid, 1);
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

    fn lines_without<'a>(text: &'a [u8], key: &[u8]) -> Vec<&'a [u8]> {
        text.split(|byte| *byte == b'\n')
            .filter(|line| !(line.is_empty() || line.starts_with(key) && parse_line::<Passwd>(line).is_some()))
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
            let other = lines_without(&text, format!("{key}:").as_bytes());
            let mut edited = before.clone();
            let wanted = Passwd { name: key.clone(), gecos: b"new".to_vec(), ..ann() };
            if edited.set(&wanted).is_ok() {
                prop_assert_eq!(edited.get(&key), Some(wanted));
                prop_assert_eq!(&lines_without(edited.text(), format!("{key}:").as_bytes()), &other);
                edited.remove(&key).unwrap();
                prop_assert_eq!(&lines_without(edited.text(), format!("{key}:").as_bytes()), &other);
                prop_assert_eq!(edited.get(&key), None);
            } else {
                prop_assert_eq!(edited.text(), &text[..]);
            }
        }
    }
}
