//! Folding: of many that are alike the first are shown; the others are counted, and named from the first to the last.
//!
//! Alike are changes of one kind that differ only in what is each person's own: the name (also within paths), numbers, the
//! comment, and which key it is. Whoever gets another group, shell, home or key option than the others is shown.

use host::change::{Change, FieldDiff};
use host::identity::authorized_keys::PublicKey;
use std::collections::{HashMap, HashSet};
use words::value::Value;

/// Up to so many that are alike are all shown.
const MOST: usize = 25;

/// Of more, so many are shown.
const SHOWN: usize = 20;

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Of many that are alike, the first.
    Folded,
    /// Each of them.
    Whole,
}

/// What becomes of one of many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is shown.
    Shown,
    /// It is the first that is not; here the others are told.
    Folded(Rest),
    /// It is among those that are told already.
    Hidden,
}

/// Those that are not shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rest {
    /// How many.
    pub count: usize,
    /// Where the last of them is.
    pub last: usize,
}

impl Rest {
    /// `4,980 more users like these: kim0020…kim4999 (--all shows them)`.
    pub fn says(&self, kind: &str, first: &str, last: &str) -> String {
        let plural = if kind == "qos" { kind.to_owned() } else { format!("{kind}s") };
        format!("{} more {plural} like these: {first}…{last} (--all shows them)", grouped(self.count))
    }
}

/// What becomes of each of those with these shapes; equal shapes are alike, and what has none is always shown.
pub fn fates(shapes: &[Option<String>], extent: Extent) -> Vec<Fate> {
    let mut alike: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, shape) in shapes.iter().enumerate() {
        if let Some(shape) = shape {
            alike.entry(shape).or_default().push(at);
        }
    }
    let mut fates = vec![Fate::Shown; shapes.len()];
    for places in alike.values().filter(|places| extent == Extent::Folded && places.len() > MOST) {
        let rest = &places[SHOWN..];
        rest.iter().for_each(|at| fates[*at] = Fate::Hidden);
        fates[rest[0]] = Fate::Folded(Rest { count: rest.len(), last: rest[rest.len() - 1] });
    }
    fates
}

/// Fields whose value is each one's own.
const OWN: &[&str] = &["uid", "gid", "comment"];

/// In what a change of something of `person` is like others. `where_` says what else must be equal, such as the hosts.
pub fn shape(change: &Change, person: &str, where_: &str) -> String {
    let head = format!("{where_} {} {:?} {}", change.address.kind, change.action, masked(&change.address.name, person));
    change.fields.iter().fold(head, |shape, field| shape + "\n" + &field_shape(field, person))
}

fn field_shape(field: &FieldDiff, person: &str) -> String {
    let side = |value: &Value| masked(&value.to_json_line(false), person);
    match field {
        FieldDiff::Value { name, before, after } if OWN.contains(&name.as_str()) => {
            format!("{name} {} {}", matches!(before, Value::Null), matches!(after, Value::Null))
        }
        FieldDiff::Value { name, before, after } => format!("{name} {} {}", side(before), side(after)),
        FieldDiff::Opaque { name, says } => format!("{name} {says}"),
        FieldDiff::Text { name, before, after } => {
            let (old, new) = (before.as_deref().unwrap_or_default(), after.as_deref().unwrap_or_default());
            let ends = (before.is_some(), after.is_some());
            format!("{} {ends:?} {:?} {:?}", masked(name, person), lines_only_in(old, new), lines_only_in(new, old))
        }
    }
}

/// The lines of `text` that `other` has not; of a key, its options and type.
fn lines_only_in(text: &str, other: &str) -> Vec<String> {
    let known: HashSet<&str> = other.lines().collect();
    let lines = text.lines().filter(|line| !known.contains(line));
    lines
        .map(|line| PublicKey::parse(line).map_or_else(|| line.to_owned(), |key| key.options + " " + &key.kind))
        .collect()
}

/// The text with the person's name exchanged wherever it is a whole word.
fn masked(text: &str, person: &str) -> String {
    exchanged(text, |word| word == person)
}

/// The text with those whole words exchanged for which `is_own` holds.
pub fn exchanged(text: &str, is_own: impl Fn(&str) -> bool) -> String {
    let is_of_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    let mut exchanged = String::with_capacity(text.len());
    for piece in text.split_inclusive(|c| !is_of_word(c)) {
        let word = piece.trim_end_matches(|c| !is_of_word(c));
        if !word.is_empty() && is_own(word) {
            exchanged.extend(["\0", &piece[word.len()..]]);
        } else {
            exchanged.push_str(piece);
        }
    }
    exchanged
}

/// A count with commas between thousands.
pub fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let comma = |at: usize| at > 0 && (digits.len() - at).is_multiple_of(3);
    digits.char_indices().flat_map(|(at, digit)| comma(at).then_some(',').into_iter().chain([digit])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use host::change::Action;

    fn user(name: &str, shell: &str) -> Change {
        let user = Change::new(Action::Create, "user", name).field("uid", Value::Null, name.len() as i64 + 2000);
        user.field("home", Value::Null, format!("/home/{name}")).field("shell", Value::Null, shell)
    }

    fn key(name: &str, line: &str) -> Change {
        let file = format!("/home/{name}/.ssh/authorized_keys");
        Change::new(Action::Create, "authorized_key", &file).text(&file, None, Some(format!("{line}\n")))
    }

    #[test]
    fn what_is_each_persons_own_makes_no_difference_and_all_else_does() {
        assert_eq!(shape(&user("a", "/bin/sh"), "a", ""), shape(&user("kim-2", "/bin/sh"), "kim-2", ""));
        assert_ne!(shape(&user("a", "/bin/sh"), "a", ""), shape(&user("kim-2", "/bin/zsh"), "kim-2", ""));
        assert_ne!(shape(&user("a", "/bin/sh"), "a", "login1"), shape(&user("b", "/bin/sh"), "b", "login2"));
        let (one, other) = (key("a", "ssh-rsa AAAA a@x"), key("b", "ssh-rsa BBBB"));
        assert_eq!(shape(&one, "a", ""), shape(&other, "b", ""));
        let restricted = key("b", "command=\"/bin/sh\" ssh-rsa BBBB");
        assert_ne!(shape(&one, "a", ""), shape(&restricted, "b", ""));
        let of_another = user("b", "/bin/sh").field("group", Value::Null, "a");
        assert_ne!(shape(&user("a", "/bin/sh").field("group", Value::Null, "a"), "a", ""), shape(&of_another, "b", ""));
    }

    #[test]
    fn of_many_the_first_are_shown_and_the_others_told_once() {
        let shapes = |many: usize| {
            let mut shapes = vec![Some("alike".to_owned()); many];
            shapes.insert(22, Some("not alike".into()));
            shapes.push(None);
            shapes
        };
        assert!(fates(&shapes(25), Extent::Folded).iter().all(|fate| *fate == Fate::Shown));
        let folded = fates(&shapes(30), Extent::Folded);
        assert_eq!(folded.iter().filter(|fate| **fate == Fate::Shown).count(), 22);
        assert_eq!(folded[20], Fate::Folded(Rest { count: 10, last: 30 }));
        assert_eq!((&folded[22], &folded[31]), (&Fate::Shown, &Fate::Shown));
        assert!(fates(&shapes(30), Extent::Whole).iter().all(|fate| *fate == Fate::Shown));
        let says = Rest { count: 4980, last: 0 }.says("user", "kim0020", "kim4999");
        assert_eq!(says, "4,980 more users like these: kim0020…kim4999 (--all shows them)");
    }

    #[test]
    fn thousands() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
